import Engines
import Serving

/// The running engines of one trial, one for each configuration, as many as memory allows at once.
///
/// Owned by one task, which uses one engine at a time.
struct TrialEngines {
  private let host: EngineHost
  private let model: ModelProfile
  private let candidates: [Candidate]
  private let contextTokens: Int
  private var shelf: MemoryShelf
  private var processes: [Int: any RunningEngine] = [:]

  init(host: EngineHost, model: ModelProfile, candidates: [Candidate], contextTokens: Int) {
    self.host = host
    self.model = model
    self.candidates = candidates
    self.contextTokens = contextTokens
    shelf = MemoryShelf(limitBytes: host.memoryLimitBytes)
  }

  /// The running engine of a configuration, if it is loaded.
  func running(_ candidate: Int) -> (any RunningEngine)? { processes[candidate] }

  /// Starts the engine of a configuration, after making room for it.
  mutating func start(_ candidate: Int) async throws(EngineFailure) -> any RunningEngine {
    let configuration = candidates[candidate].configuration
    let bytes = host.plannedRoom(configuration, model: model, contextTokens: contextTokens)
    for evicted in shelf.use(candidate, bytes: bytes) { await stop(evicted) }
    do {
      let process = try await host.run(configuration, model: model, contextTokens: contextTokens)
      processes[candidate] = process
      return process
    } catch {
      shelf.remove(candidate)
      throw error
    }
  }

  /// Notes that a loaded engine is used, so that others make room first.
  mutating func touch(_ candidate: Int) {
    let bytes = host.plannedRoom(candidates[candidate].configuration, model: model, contextTokens: contextTokens)
    let evicted = shelf.use(candidate, bytes: bytes)
    precondition(evicted.isEmpty, "an engine that is loaded already needs no more room")
  }

  /// Ends an engine, or clears away one that has ended by itself.
  mutating func stop(_ candidate: Int) async {
    shelf.remove(candidate)
    await processes.removeValue(forKey: candidate)?.end()
  }

  mutating func stopAll() async {
    for candidate in processes.keys.sorted() { await stop(candidate) }
  }
}
