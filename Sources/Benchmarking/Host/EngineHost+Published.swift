import Acceleration
import Engines
import FoundationEssentials
public import Serving

extension EngineHost {
  /// What is run here for a strategy, complete enough for somebody who runs it without Apus. Starts nothing.
  ///
  /// - Throws: `unavailable` when the engine or a file is not here, `badInput` when the engine cannot do what is asked.
  public func publishedLaunch(_ query: LaunchQuery) throws(ApusError) -> EngineLaunch {
    guard let model = profile(query.model) else {
      throw ApusError(
        .unavailable, "the model \(query.model) is not on \(worker)", advice: "`apus model push` copies it there.")
    }
    let configuration = query.configuration
    let engine = try engine(for: configuration)
    guard !engine.isAttached else {
      throw ApusError(
        .badInput, "\(engine.name) is a server that somebody else started: there is nothing to launch",
        advice: "Name a strategy of an engine that \(worker) starts itself.")
    }
    var request = try launchRequest(
      configuration, model: model, contextTokens: query.contextTokens, port: query.port)
    request.host = query.host
    request.isPublished = true
    // Whoever runs it may stand in another folder.
    request.modelPath = Self.absolute(request.modelPath)
    request.draftModelPath = request.draftModelPath.map(Self.absolute)
    let plan = try engine.launchPlan(request)
    let settings = EngineSettings(configuration, coreCount: hardware.coreCount)
    let planned = plannedMemory(configuration, model: model, contextTokens: query.contextTokens)
    return EngineLaunch(
      engine: EngineDescription(name: configuration.engine, version: version(of: configuration.engine)),
      command: Self.resolved(plan.command), environment: plan.environment, host: query.host, port: query.port,
      healthPath: plan.healthPath, startTimeoutSeconds: plan.startTimeoutSeconds,
      modelPaths: [request.modelPath] + [request.draftModelPath].compactMap { $0 },
      engineDirectory: plan.engineDirectory.map(Self.absolute), coreCount: settings.threadCount,
      memoryBytes: planned,
      memoryLimitBytes: max(
        planned, min(memoryLimitBytes, planned + planned / 4 + keptBytes(configuration, engine))),
      acceleratorCount: acceleratorCount(configuration))
  }

  /// Bytes of ended requests that an engine may come to keep in main memory.
  private func keptBytes(_ configuration: EngineConfiguration, _ engine: any InferenceEngine) -> Int {
    guard configuration[.prefixCaching]?.boolValue != false else { return 0 }
    let mebibytes = (configuration[.hostCacheMiB] ?? engine.defaults[.hostCacheMiB])?.intValue ?? 0
    return min(max(0, mebibytes), 1 << 24) << 20
  }

  /// GPUs a configuration uses: as many as it is spread over, and none of a machine without any.
  private func acceleratorCount(_ configuration: EngineConfiguration) -> Int {
    let there = hardware.accelerators(of: configuration.engine).count
    guard there > 0 else { return 0 }
    if configuration[.gpuLayers]?.intValue == 0 { return 0 }
    let spread = [KnobName.tensorParallel, .pipelineParallel, .dataParallel]
      .map { max(1, configuration[$0]?.intValue ?? 1) }
    return spread.reduce(1) { min(there, $0 * min(there, $1)) }
  }

  /// The command with its executable as an absolute path, found as a shell finds it.
  private static func resolved(_ command: [String]) -> [String] {
    guard let executable = command.first else { return command }
    if executable.contains("/") { return [absolute(executable)] + command.dropFirst() }
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let found = folders.map { "\($0)/\(executable)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    return [found.map(absolute) ?? executable] + command.dropFirst()
  }

  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }
}
