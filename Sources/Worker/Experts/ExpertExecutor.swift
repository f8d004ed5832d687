public import Messaging
public import Serving

/// A worker's part in placements of a model's experts. `LocalExperts` computes them; tests play it from a script.
public protocol ExpertExecutor: Sendable {
  /// What other nodes are told of it.
  var endpoint: ExpertEndpoint { get }
  /// Begins to host: lets in the hub that is named, and nobody else.
  ///
  /// - Returns: where it listens, `tcp://HOST:PORT`.
  /// - Throws: `badInput` for a model that is not here or has no experts that can be read, `unavailable` when the address is
  ///   taken.
  func host(_ hosting: ExpertHosting) async throws(ApusError) -> String
  /// Lets nobody in any more, and frees the weights. Nothing where it does not host.
  func endHosting() async
  /// Measures placements as their hub, saying what is done and what came of it. When the task is cancelled it ends soon.
  ///
  /// - Throws: the first error; what was measured before has been reported, a plan that failed as such.
  func run(
    _ placement: PlacementAssignment, as hub: WorkerName, report: @escaping @Sendable (PlacementNews) async -> Void
  ) async throws(ApusError)
}
