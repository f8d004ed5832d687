import Glibc
public import Serving

/// Where this machine's engines and the guard are.
public struct EngineInstallation: Hashable, Sendable {
  /// `--state DIR`: engines are below `engines/`, models below `models/`.
  public var stateDirectory: String
  /// The executable `apus-engine-guard`.
  public var guardPath: String

  public init(stateDirectory: String, guardPath: String) {
    self.stateDirectory = stateDirectory
    self.guardPath = guardPath
  }

  /// The guard that was built together with this executable: both are in one folder.
  ///
  /// - Throws: `unavailable` when it is not there.
  public static func standard(stateDirectory: String) throws(ApusError) -> EngineInstallation {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = buffer.withUnsafeMutableBytes { bytes in
      readlink("/proc/self/exe", bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    let executable = String(decoding: buffer[..<max(0, length)], as: UTF8.self)
    let folder = executable.lastIndex(of: "/").map { executable[..<$0] } ?? "."
    let guardPath = "\(folder)/apus-engine-guard"
    guard access(guardPath, X_OK) == 0 else {
      throw ApusError(
        .unavailable, "the engine guard is not at \(guardPath)",
        advice: "Build it (swift build --product apus-engine-guard) or copy it beside the apus executable.")
    }
    return EngineInstallation(stateDirectory: stateDirectory, guardPath: guardPath)
  }

  /// The folder one engine was installed to.
  public func directory(of engine: EngineName) -> String { "\(stateDirectory)/engines/\(engine)" }

  /// Where model files are kept.
  public var modelsDirectory: String { "\(stateDirectory)/models" }
}
