import Engines
import Messaging
import Serving
import Synchronization
import Worker

/// Work that does what a test says, step by step. Steps may be given before the work has begun.
final class ScriptedExecutor: WorkExecutor {
  enum Step: Sendable {
    case tokens([Int32], String)
    case measured(Measurement, isLast: Bool)
    /// The work returns.
    case end(Measurement?, output: String, FinishReason? = nil)
  }

  private typealias Steps = (stream: AsyncStream<Step>, continuation: AsyncStream<Step>.Continuation)
  private struct State {
    var description: WorkerDescription
    var steps: [String: Steps] = [:]
    var begun: [String] = []
    var ended: [String] = []
    /// Times that jobs handed tokens on.
    var handedOn = 0
    var isStopped = false
    var warm = ["warm"]
    var modelsHaveChanged = false
  }
  private let state: Mutex<State>

  init(models: [ModelProfile] = [Fixtures.model()]) {
    state = Mutex(
      State(
        description: WorkerDescription(
          hardware: Fixtures.hardware, engines: [], models: models, jobCapacity: 2)))
  }

  var begun: [String] { state.withLock { $0.begun } }
  var ended: [String] { state.withLock { $0.ended } }
  var isStopped: Bool { state.withLock { $0.isStopped } }
  func add(model: ModelProfile) { state.withLock { $0.description.models.append(model) } }

  /// The models of this worker from now on, as whoever looks at their files finds out.
  func change(models: [ModelProfile]) {
    state.withLock { state in
      state.description.models = models
      state.modelsHaveChanged = true
    }
  }

  /// Returns once jobs have handed tokens on so many times.
  func untilHandedOn(_ count: Int) async {
    while state.withLock({ $0.handedOn < count }) { await Task.yield() }
  }

  /// What the job or trial of this name does next.
  func tell(_ name: String, _ step: Step) { steps(name).continuation.yield(step) }

  func finish(_ name: String, _ id: String, output: String = "", _ reason: FinishReason? = nil) {
    tell(name, .end(Fixtures.measurement(id, source: .job(JobID(name))), output: output, reason))
  }

  func finish(_ name: String, with measurement: Measurement) {
    tell(name, .end(measurement, output: "", nil))
  }

  private func steps(_ name: String) -> Steps {
    state.withLock { state in
      if let steps = state.steps[name] { return steps }
      let steps = AsyncStream.makeStream(of: Step.self)
      state.steps[name] = steps
      return steps
    }
  }

  func describe() async throws(ApusError) -> WorkerDescription { state.withLock { $0.description } }
  var refusedModels: [ModelLibrary.Refusal] { [] }
  func modelsHaveChanged() async -> Bool { state.withLock { $0.modelsHaveChanged } }
  func warmConfigurations() async -> [String] { state.withLock { $0.warm } }
  /// Loads until it is told `end` by the name of the wish's model: with a measurement it is loaded, else it failed.
  func warmUp(_ wish: EngineWarmUp) async throws(EngineFailure) {
    let name = wish.model.rawValue
    state.withLock { $0.begun.append(name) }
    defer { state.withLock { $0.ended.append(name) } }
    for await case .end(let measurement, _, _) in steps(name).stream {
      guard measurement != nil else { throw .ended(reason: "no memory for it", lastLines: "") }
      return state.withLock { $0.warm.append(wish.configuration.fingerprint) }
    }
    throw .cancelled
  }
  /// Repeats the question; a configuration of the engine `none` is refused.
  func launch(_ query: LaunchQuery) async throws(ApusError) -> EngineLaunch {
    guard query.configuration.engine.rawValue != "none" else {
      throw ApusError(.unavailable, "the engine none is not here")
    }
    return EngineLaunch(
      engine: EngineDescription(name: query.configuration.engine, version: "1"),
      command: ["run", query.model.rawValue],
      environment: [:], host: query.host, port: query.port, healthPath: "/health", startTimeoutSeconds: 1,
      modelPaths: [], engineDirectory: nil, coreCount: 1, memoryBytes: query.contextTokens,
      memoryLimitBytes: query.contextTokens, acceleratorCount: 0)
  }
  func stop() async { state.withLock { $0.isStopped = true } }

  func runTrial(
    _ spec: TrialSpec, report: @escaping @Sendable (Measurement, _ isLast: Bool) async -> Void
  ) async {
    let name = spec.id.rawValue
    state.withLock { $0.begun.append(name) }
    defer { state.withLock { $0.ended.append(name) } }
    for await step in steps(name).stream {
      switch step {
      case .measured(let measurement, let isLast): await report(measurement, isLast)
      case .end: return
      case .tokens: break
      }
    }
    await report(Fixtures.measurement("cancelled-\(name)", outcome: .cancelled), true)
  }

  func runJob(
    _ assignment: JobAssignment, onTokens: @escaping @Sendable (GeneratedTokens) -> Void
  ) async -> JobAnswer {
    let name = assignment.job.rawValue
    state.withLock { $0.begun.append(name) }
    defer { state.withLock { $0.ended.append(name) } }
    for await step in steps(name).stream {
      switch step {
      case .tokens(let tokens, let text):
        onTokens(GeneratedTokens(tokens, text))
        state.withLock { $0.handedOn += 1 }
      case .end(let measurement, let output, let reason):
        return JobAnswer(measurement: measurement!, output: output, finishReason: reason)
      case .measured: break
      }
    }
    return JobAnswer(measurement: Fixtures.measurement("cancelled-\(name)", outcome: .cancelled), output: "")
  }
}
