public import Engines
public import Messaging
public import Serving

/// Does the work a worker is given. `EngineWorkExecutor` does it with engines; tests play it from a script.
public protocol WorkExecutor: Sendable {
  /// What this worker can say of itself; `leases` is empty. May take seconds: files are read and engines are asked.
  func describe() async throws(ApusError) -> WorkerDescription
  /// Files that were no usable models when it last described, and why.
  var refusedModels: [ModelLibrary.Refusal] { get }
  /// Whether the files of models are others than it last described, and none is being written. Takes milliseconds.
  func modelsHaveChanged() async -> Bool
  /// Configuration fingerprints of the engines that are loaded.
  func warmConfigurations() async -> [String]
  /// Runs a trial, calling `report` with each block's measurement as soon as it is there, `true` with the last one.
  /// When the task is cancelled the last one is `cancelled`, soon.
  func runTrial(_ spec: TrialSpec, report: @escaping @Sendable (Measurement, _ isLast: Bool) async -> Void) async
  /// Runs a job, calling `onTokens` with new tokens.
  /// When the task is cancelled the measurement is `cancelled`, soon.
  func runJob(
    _ assignment: JobAssignment, onTokens: @escaping @Sendable (GeneratedTokens) -> Void
  ) async -> JobAnswer
  /// Loads an engine that no job asked for yet, if nothing runs or loads and no other has to go for it. A job for another
  /// engine puts an end to it, a trial too.
  ///
  /// - Throws: why it did not start; `cancelled` when it gave way.
  func warmUp(_ wish: EngineWarmUp) async throws(EngineFailure)
  /// What would be run for a strategy. Starts nothing.
  ///
  /// - Throws: `unavailable` when the engine or a file is not here, `badInput` when the engine cannot do what is asked.
  func launch(_ query: LaunchQuery) async throws(ApusError) -> EngineLaunch
  /// Ends every engine; nothing may be run afterwards.
  func stop() async
}
