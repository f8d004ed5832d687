import FoundationEssentials
import Serving

/// A server for GPUs that comes as a Python package: found in an environment of its own or on PATH, started by the
/// package's program, and ready when its address answers. What SGLang and TensorRT-LLM have in common.
struct GPUServer: Sendable {
  let engine: EngineName
  /// As its metadata writes it: `tensorrt_llm`.
  let package: String
  /// Its entry point, such as `trtllm-serve`.
  let program: String
  private let directory: String
  private let searchPath: String

  init(_ engine: EngineName, package: String, program: String, _ installation: EngineInstallation) {
    self.engine = engine
    self.package = package
    self.program = program
    directory = installation.directory(of: engine)
    searchPath = ProcessInfo.processInfo.environment["PATH"] ?? ""
  }

  private var found: PythonPackage? {
    PythonPackage.find(package, program: program, in: directory, path: searchPath)
  }

  /// Looks at files only: nil where the package is not.
  func detect() -> EngineDescription? {
    found.map { EngineDescription(name: engine, version: "\(package) \($0.version)") }
  }

  /// - Parameters:
  ///   - startTimeoutSeconds: models are large, and some engines compile theirs first.
  ///   - command: with the program's path, or its name where it is not installed.
  func launchPlan(_ request: LaunchRequest, startTimeoutSeconds: Double, command: (String) -> [String]) -> LaunchPlan {
    let path = found?.program ?? program
    return LaunchPlan(
      command: command(path), environment: [:],
      readiness: .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health"),
      startTimeoutSeconds: startTimeoutSeconds, engineDirectory: path.hasPrefix(directory + "/") ? directory : nil)
  }
}
