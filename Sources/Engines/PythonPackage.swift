import FoundationEssentials
import Glibc

/// A Python package with a program, as pip puts it somewhere: looked at, never imported.
struct PythonPackage: Hashable, Sendable {
  /// The program's full path.
  let program: String
  /// As the package's own folder of metadata has it in its name.
  let version: String

  /// Looks in `directory` (a virtual environment), then along PATH.
  ///
  /// - Parameters:
  ///   - name: of the package, as its metadata writes it: `tensorrt_llm`.
  ///   - program: its entry point, such as `trtllm-serve`.
  /// - Returns: nil where the program is not, or not beside a package of that name.
  static func find(_ name: String, program: String, in directory: String, path: String) -> PythonPackage? {
    let folders = ["\(directory)/bin"] + path.split(separator: ":").map(String.init)
    for folder in folders where access("\(folder)/\(program)", X_OK) == 0 {
      // What stands on PATH is often a link into the environment it belongs to.
      let real = URL(fileURLWithPath: "\(folder)/\(program)").resolvingSymlinksInPath().path
      for executable in ["\(folder)/\(program)", real] {
        let prefix = executable.split(separator: "/").dropLast(2).joined(separator: "/")
        if let version = version(of: name, below: "/\(prefix)/lib") {
          return PythonPackage(program: executable, version: version)
        }
      }
    }
    return nil
  }

  private static func version(of name: String, below library: String) -> String? {
    let files = FileManager.default
    for python in (try? files.contentsOfDirectory(atPath: library)) ?? [] where python.hasPrefix("python3") {
      for folder in ["site-packages", "dist-packages"] {
        for package in (try? files.contentsOfDirectory(atPath: "\(library)/\(python)/\(folder)")) ?? []
        where package.hasPrefix(name + "-") && package.hasSuffix(".dist-info") {
          return String(package.dropFirst(name.count + 1).dropLast(".dist-info".count))
        }
      }
    }
    return nil
  }
}
