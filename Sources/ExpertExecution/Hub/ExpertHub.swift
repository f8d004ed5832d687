public import ExpertPlacement
import Messaging
public import Serving
import Synchronization
import ZeroMQ

/// What came of a batch in a layer.
public struct LayerResult: Sendable {
  /// Sums over each token's experts, `[token][hidden]`.
  public var rows: [Float]
  public var timing: LayerTiming
}

/// What moving experts took.
public struct PlacementMove: Hashable, Sendable {
  /// Bytes of weights that hosts read, as they are in memory.
  public var movedBytes = 0
  public var seconds = 0.0
  /// Layers that were switched.
  public var layers = 0
}

/// Sends the tokens of a batch to the hosts of their experts and adds up what comes back.
///
/// The result does not depend on the placement. Hosts are used over connections of the hub's own with CURVE; a host that is
/// lost is used again when it is back and a plan was placed again.
public final class ExpertHub: Sendable {
  private let session: LoopConfined<HubSession>
  private let options: ExpertHubOptions
  private let model: MoEModelFile
  private let lastID = Atomic<UInt64>(0)

  /// - Throws: `usage` for an address or a key that is none.
  public init(model: MoEModelFile, options: ExpertHubOptions) throws(ApusError) {
    self.model = model
    self.options = options
    let loop = PollLoop(name: "apus-hub")
    session = LoopConfined(try HubSession(model: model, options: options, loop: loop), on: loop)
    session.perform { $0.start() }
  }

  /// Runs `late` on the loop unless the answer came before, or the task was cancelled.
  private func within<Value: Sendable>(
    _ limit: Duration, late: @escaping @Sendable (HubSession) -> Void,
    asking question: @escaping @Sendable (HubSession, @escaping @Sendable (Result<Value, ApusError>) -> Void) -> Void
  ) async throws(ApusError) -> Value {
    let timer = Task { [session] in
      try? await Task.sleep(for: limit)
      if !Task.isCancelled { session.perform(late) }
    }
    defer { timer.cancel() }
    let result: Result<Value, ApusError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        session.perform { question($0) { continuation.resume(returning: $0) } }
        // The handler may have come before the question.
        if Task.isCancelled { session.perform(late) }
      }
    } onCancel: { [session] in
      session.perform(late)
    }
    return try result.get()
  }

  private func nextID() -> UInt64 { lastID.add(1, ordering: .relaxed).newValue }

  /// Waits until every host answers.
  ///
  /// - Throws: `unavailable` naming those that do not, `keyRefused` for a hub that is not let in, `badInput` for another model.
  public func connect(within limit: Duration = .seconds(30)) async throws(ApusError) {
    let id = nextID()
    try await within(
      limit, late: { $0.giveUpWaiting(id) }, asking: { session, ending in session.whenReady(id, ending) })
  }

  /// Names of the hosts that answer now.
  public func livingHosts() async -> [String] {
    await withCheckedContinuation { continuation in
      session.perform { continuation.resume(returning: $0.livingHosts) }
    }
  }

  /// Bytes of weights in each host's memory, in the plan's order.
  public func loadedBytes() async -> [Int] {
    await withCheckedContinuation { continuation in
      session.perform { continuation.resume(returning: $0.loadedBytes) }
    }
  }

  /// Moves experts to where a plan has them, a few layers at a time, while batches go on. Each layer is switched as a whole
  /// when all its hosts have what they need.
  ///
  /// - Parameter layers: those to place; the plan's entry of the same number is used.
  /// - Throws: `unavailable` for a host that does not load what it should: its layer, and those after it, stay as they were.
  @discardableResult
  public func place(
    _ plan: PlacementPlan, layers: Range<Int>, layersAtOnce: Int = 2
  ) async throws(ApusError) -> PlacementMove {
    precondition(
      plan.hostCount == options.hosts.count && plan.expertCount == model.expertCount, "a plan for these hosts")
    precondition(
      layers.upperBound <= min(plan.layers.count, model.layerCount) && layersAtOnce > 0, "layers of the plan")
    let start = ContinuousClock.now
    var move = PlacementMove()
    for first in stride(from: layers.lowerBound, to: layers.upperBound, by: layersAtOnce) {
      let group = first..<min(layers.upperBound, first + layersAtOnce)
      let results = await withTaskGroup(of: Result<Int, ApusError>.self) { tasks in
        for layer in group { tasks.addTask { await self.move(layer, plan) } }
        return await tasks.reduce(into: []) { $0.append($1) }
      }
      for result in results {
        move.movedBytes += try result.get()
        move.layers += 1
      }
    }
    move.seconds = (ContinuousClock.now - start).seconds
    return move
  }

  private func move(_ layer: Int, _ plan: PlacementPlan) async -> Result<Int, ApusError> {
    let (placement, dispatch, limit) = (plan.layers[layer], plan.dispatch, options.moveDeadline)
    do throws(ApusError) {
      return .success(
        try await within(
          limit, late: { $0.giveUpPreparing(layer, after: limit) },
          asking: { session, ending in
            session.prepare(layer, placement) { result in
              // At once, so that nothing comes between the last host's answer and the switch.
              if case .success = result { session.activate(layer, placement, dispatch: dispatch) }
              ending(result)
            }
          }))
    } catch {
      return .failure(error)
    }
  }

  /// One batch through the experts of one layer.
  ///
  /// - Parameters:
  ///   - rows: the layer's normalized hidden state, `[token][hidden]`; sent in half precision.
  ///   - routed: for each of these tokens.
  /// - Throws: `unavailable` when an expert in use has no living host, `tryAgain` at the deadline or when cancelled.
  public func run(layer: Int, rows: [Float], routed: RoutedTokens) async throws(ApusError) -> LayerResult {
    precondition(rows.count == routed.tokenCount * model.hiddenSize && !rows.isEmpty, "a route for each row")
    precondition(routed.experts.allSatisfy { Int($0) < model.expertCount }, "experts of the model")
    let (id, start, options) = (nextID(), ContinuousClock.now, options)
    let timer = Task { [session] in
      var rest = options.deadline
      // Again and again: while every host is late there is nobody to ask.
      if let hedgeAfter = options.hedgeAfter.map({ max($0, .milliseconds(1)) }) {
        while hedgeAfter < rest {
          try? await Task.sleep(for: hedgeAfter)
          if Task.isCancelled { return }
          session.perform { $0.hedge(id) }
          rest -= hedgeAfter
        }
      }
      try? await Task.sleep(for: rest)
      if !Task.isCancelled { session.perform { $0.expire(id, after: options.deadline) } }
    }
    defer { timer.cancel() }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        session.perform {
          $0.begin(id, layer: layer, rows: rows, routed: routed, startedAt: start) {
            continuation.resume(returning: $0)
          }
        }
      }
    } onCancel: {
      session.perform { $0.fail(id, ApusError(.tryAgain, "the batch was cancelled")) }
    }
    return try result.get()
  }

  /// Batches on their way fail.
  public func close() { session.perform { $0.close() } }
}
