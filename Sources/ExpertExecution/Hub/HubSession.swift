import ExpertPlacement
import Messaging
import Serving
import ZeroMQ

/// What a hub knows and does: where the experts are, and the batches on their way. Lives on the hub's loop.
final class HubSession {
  typealias Ending<Value> = (Result<Value, ApusError>) -> Void

  /// A batch on its way.
  struct Batch {
    var run: LayerRun
    var timing = LayerTiming()
    let startedAt: ContinuousClock.Instant
    /// Half-precision rows, kept for requests that are sent again.
    let rows: [UInt16]
    let ending: Ending<LayerResult>
  }

  /// Loads that one layer's change waits for.
  final class Change {
    var missing = 0
    var movedBytes = 0
    var ending: Ending<Int>?
    init(_ ending: @escaping Ending<Int>) { self.ending = ending }

    func end(_ result: Result<Int, ApusError>) {
      ending?(result)
      ending = nil
    }
  }

  struct Load {
    let line: HostLine
    let keys: [ExpertKey]
    let change: Change
  }

  let model: MoEModelFile
  private let loop: PollLoop
  let lines: [HostLine]
  var plans: [Int: (placement: LayerPlacement, dispatch: ReplicaDispatch)] = [:]
  var batches: [UInt64: Batch] = [:]
  /// The batch of each request that is open.
  var batchOfRequest: [UInt64: UInt64] = [:]
  var loads: [UInt64: Load] = [:]
  private var readyWaiters: [UInt64: Ending<Void>] = [:]
  private var lastID: UInt64 = 0

  init(model: MoEModelFile, options: ExpertHubOptions, loop: PollLoop) throws(ApusError) {
    self.model = model
    self.loop = loop
    var lines: [HostLine] = []
    for host in options.hosts { lines.append(try HostLine(host, keys: options.keys, loop: loop)) }
    self.lines = lines
  }

  func start() {
    for (index, line) in lines.enumerated() {
      line.start(
        receive: { [unowned self] in self.receive(from: index) },
        observe: { [unowned self] event in self.observe(event, of: index) })
    }
  }

  func close() {
    let error = ApusError(.tryAgain, "the hub is closed")
    for line in lines { line.close() }
    for id in Array(batches.keys) { fail(id, error) }
    for load in loads.values { load.change.end(.failure(error)) }
    loads = [:]
    for waiter in readyWaiters.values { waiter(.failure(error)) }
    readyWaiters = [:]
  }

  func nextID() -> UInt64 {
    lastID += 1
    return lastID
  }

  // MARK: Hosts

  /// Names of hosts that answer, in the plan's order.
  var livingHosts: [String] { lines.filter(\.isReady).map(\.host.name) }
  /// Bytes of weights in each host's memory, in the plan's order.
  var loadedBytes: [Int] { lines.map(\.loadedBytes) }

  func whenReady(_ id: UInt64, _ ending: @escaping Ending<Void>) {
    readyWaiters[id] = ending
    checkReady()
  }

  func giveUpWaiting(_ id: UInt64) {
    let silent = lines.filter { !$0.isReady }.map { "\($0.host.name) (\($0.host.address))" }.joined(separator: ", ")
    readyWaiters.removeValue(forKey: id)?(
      .failure(
        ApusError(
          .unavailable, "no answer from \(silent)",
          advice: "start the hosts with apus placement host, and compare their addresses and keys")))
  }

  private func checkReady() {
    guard !readyWaiters.isEmpty else { return }
    if let error = lines.compactMap(\.refusal).first {
      for waiter in readyWaiters.values { waiter(.failure(error)) }
      readyWaiters = [:]
    } else if lines.allSatisfy(\.isReady) {
      for waiter in readyWaiters.values { waiter(.success(())) }
      readyWaiters = [:]
    }
  }

  private func observe(_ event: MonitorEvent.Kind, of index: Int) {
    let line = lines[index]
    switch event {
    case .handshakeSucceeded: _ = line.send(.hello(version: protocolVersion))
    case .disconnected: lose(index)
    case .refusedByAuthenticator:
      line.refusal = ApusError(
        .keyRefused, "host \(line.host.name) does not let this hub's key in", advice: "start it with --hub-key")
      checkReady()
    case .connected, .retrying, .protocolBroken, .handshakeCutOff: break
    }
  }

  private func check(_ facts: ExpertFacts, of line: HostLine) {
    guard facts.layerCount == model.layerCount, facts.expertCount == model.expertCount,
      facts.hiddenSize == model.hiddenSize, facts.intermediateSize == model.intermediateSize
    else {
      line.refusal = ApusError(
        .badInput,
        "host \(line.host.name) has a model of \(facts.layerCount) layers x \(facts.expertCount) experts (\(facts.hiddenSize) x \(facts.intermediateSize)), the hub one of \(model.layerCount) x \(model.expertCount) (\(model.hiddenSize) x \(model.intermediateSize))",
        advice: "give hub and hosts the same model file")
      return
    }
    line.isReady = true
    line.loadedBytes = facts.loadedBytes
  }

  /// A host that comes back has nothing loaded as far as the hub knows: it is asked to load again with the next plan.
  func lose(_ index: Int) {
    let line = lines[index]
    guard line.isReady else { return }
    line.isReady = false
    line.loaded = []
    for (id, load) in loads where load.line === line {
      loads[id] = nil
      load.change.end(
        .failure(ApusError(.unavailable, "host \(line.host.name) was lost while experts were moved to it")))
    }
    for id in Array(batches.keys) {
      guard var batch = batches[id] else { continue }
      let layer = batch.run.layer
      do throws(ApusError) {
        let fresh = try batch.run.lose(host: index) { request throws(ApusError) in
          try split(layer: layer).requests(instead: request, without: [index])
        }
        batch.timing.rerouted += fresh.count
        batches[id] = batch
        send(fresh, of: id)
      } catch {
        fail(id, error)
      }
    }
  }

  // MARK: Receiving

  private func receive(from index: Int) {
    let budget = 64
    for _ in 0..<budget {
      let hasMore = lines[index].receive { message, bytes, count in handle(message, bytes, count, from: index) }
      guard hasMore else { return }
    }
  }

  private func handle(_ message: ExpertMessage, _ bytes: UnsafeRawBufferPointer, _ count: Int, from index: Int) {
    switch message {
    case .facts(let facts):
      check(facts, of: lines[index])
      checkReady()
    case .loaded(let answer): loaded(answer, by: lines[index])
    case .sums(let header): take(header, bytes, count, from: index)
    case .refusal(let id, let error):
      if let load = loads.removeValue(forKey: id) {
        load.change.end(.failure(named(error, index)))
      } else if let batch = batchOfRequest[id] {
        fail(batch, named(error, index))
      } else {
        lines[index].refusal = named(error, index)
        checkReady()
      }
    // No host sends these.
    case .hello, .load, .drop, .batch: break
    }
  }

  private func named(_ error: ApusError, _ host: Int) -> ApusError {
    ApusError(error.code, "host \(lines[host].host.name): \(error.reason)", advice: error.advice)
  }
}
