import Foundation

/// A shared library compiled from C for one test, in place of a driver's that is not there.
public struct CompiledLibrary {
  /// Nil where no C compiler is: tests that need one skip.
  public static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  public let path: String
  private let folder = TemporaryFolder()

  /// Nil when it does not compile.
  public init?(_ source: String) throws {
    path = "\(folder.path)/library.so"
    let compile = Process()
    compile.executableURL = URL(fileURLWithPath: Self.compiler ?? "/usr/bin/cc")
    compile.arguments = ["-shared", "-fPIC", "-o", path, folder.write(Array(source.utf8), as: "library.c")]
    try compile.run()
    compile.waitUntilExit()
    guard compile.terminationStatus == 0 else { return nil }
  }
}
