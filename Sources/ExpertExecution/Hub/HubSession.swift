import ExpertPlacement
import Messaging
import Serving
import ZeroMQ

/// What a hub knows and does: where the experts are, and the batches on their way. Lives on the hub's loop.
final class HubSession {
  typealias Ending<Value> = (Result<Value, ApusError>) -> Void

  private struct Batch {
    var run: LayerRun
    var timing = LayerTiming()
    let startedAt: ContinuousClock.Instant
    /// Half-precision rows, kept for requests that are sent again.
    let rows: [UInt16]
    let ending: Ending<LayerResult>
  }

  /// Loads that one layer's change waits for.
  private final class Change {
    var missing = 0
    var movedBytes = 0
    var ending: Ending<Int>?
    init(_ ending: @escaping Ending<Int>) { self.ending = ending }

    func end(_ result: Result<Int, ApusError>) {
      ending?(result)
      ending = nil
    }
  }

  private struct Load {
    let line: HostLine
    let keys: [ExpertKey]
    let change: Change
  }

  private let model: MoEModelFile
  private let loop: PollLoop
  private let lines: [HostLine]
  private var plans: [Int: (placement: LayerPlacement, dispatch: ReplicaDispatch)] = [:]
  private var batches: [UInt64: Batch] = [:]
  /// The batch of each request that is open.
  private var batchOfRequest: [UInt64: UInt64] = [:]
  private var loads: [UInt64: Load] = [:]
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

  private func nextID() -> UInt64 {
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
  private func lose(_ index: Int) {
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

  // MARK: Placing

  func isPlaced(_ layer: Int) -> Bool { plans[layer] != nil }

  /// Has each host load what it needs for a layer's placement and has not. Batches go on as before.
  ///
  /// - Parameter ending: gets the bytes that were read.
  func prepare(_ layer: Int, _ placement: LayerPlacement, _ ending: @escaping Ending<Int>) {
    let change = Change(ending)
    for (index, line) in lines.enumerated() {
      let missing = keys(layer, placement, host: index).subtracting(line.loaded)
      guard let cut = missing.first?.cut else { continue }
      let id = nextID()
      let experts = missing.map(\.expert).sorted()
      guard line.isReady, line.send(.load(ExpertChange(id: id, layer: layer, experts: experts, cut: cut))) else {
        return change.end(
          .failure(
            ApusError(
              .unavailable, "host \(line.host.name) is to have experts of layer \(layer) and does not answer",
              advice: "plan without it, or start it again")))
      }
      change.missing += 1
      loads[id] = Load(line: line, keys: Array(missing), change: change)
    }
    if change.missing == 0 { change.end(.success(0)) }
  }

  /// From here on batches go by the new placement; those on their way end where they are. What the layer needs no more is
  /// dropped: hosts do so after the work that was sent to them before.
  func activate(_ layer: Int, _ placement: LayerPlacement, dispatch: ReplicaDispatch) {
    plans[layer] = (placement, dispatch)
    for (index, line) in lines.enumerated() where line.isReady {
      let needed = keys(layer, placement, host: index)
      let unneeded = line.loaded.filter { $0.layer == layer && !needed.contains($0) }
      for (cut, keys) in Dictionary(grouping: unneeded, by: \.cut) {
        line.loaded.subtract(keys)
        _ = line.send(
          .drop(ExpertChange(id: nextID(), layer: layer, experts: keys.map(\.expert).sorted(), cut: cut)))
      }
    }
  }

  private func keys(_ layer: Int, _ placement: LayerPlacement, host: Int) -> Set<ExpertKey> {
    switch placement {
    case .hosted(let experts):
      var keys: Set<ExpertKey> = []
      for (expert, shares) in experts.enumerated() where shares.contains(where: { $0.host == host }) {
        keys.insert(ExpertKey(layer: layer, expert: expert, cut: 0..<model.intermediateSize))
      }
      return keys
    case .sharded:
      let cut = ExpertCuts(placement, intermediateSize: model.intermediateSize).ranges[host]
      guard !cut.isEmpty else { return [] }
      return Set((0..<model.expertCount).map { ExpertKey(layer: layer, expert: $0, cut: cut) })
    }
  }

  private func loaded(_ answer: ExpertLoaded, by line: HostLine) {
    line.loadedBytes = answer.loadedBytes
    // The answer to a drop, or to a load that was given up.
    guard let load = loads.removeValue(forKey: answer.id) else { return }
    load.line.loaded.formUnion(load.keys)
    load.change.missing -= 1
    load.change.movedBytes += answer.movedBytes
    if load.change.missing == 0 { load.change.end(.success(load.change.movedBytes)) }
  }

  func giveUpPreparing(_ layer: Int, after limit: Duration) {
    for (id, load) in loads where load.keys.first?.layer == layer {
      loads[id] = nil
      load.change.end(
        .failure(
          ApusError(
            .unavailable, "host \(load.line.host.name) did not load experts of layer \(layer) within \(limit)",
            advice: "give it more time, or move fewer layers at once")))
    }
  }

  // MARK: Batches

  private func split(layer: Int) throws(ApusError) -> RequestSplit {
    guard let plan = plans[layer] else {
      throw ApusError(.badInput, "the experts of layer \(layer) are not placed", advice: "place a plan first")
    }
    return RequestSplit(
      layer: layer, placement: plan.placement, dispatch: plan.dispatch, intermediateSize: model.intermediateSize,
      hostCount: lines.count, hostName: { [lines] in lines[$0].host.name },
      has: { [lines] host, key in lines[host].isReady && lines[host].loaded.contains(key) },
      nextID: { [unowned self] in self.nextID() })
  }

  /// Sends a batch to the hosts.
  ///
  /// - Parameters:
  ///   - rows: `[token][hidden]`.
  ///   - ending: called once.
  func begin(
    _ id: UInt64, layer: Int, rows: [Float], routed: RoutedTokens, startedAt: ContinuousClock.Instant,
    _ ending: @escaping Ending<LayerResult>
  ) {
    let start = ContinuousClock.now
    guard HalfFloats.canHold(rows) else {
      return ending(.failure(ApusError(.badInput, "rows have numbers that half precision cannot hold")))
    }
    do throws(ApusError) {
      let requests = try split(layer: layer).requests(routed)
      let halves = [UInt16](unsafeUninitializedCapacity: rows.count) { target, count in
        count = rows.count
        rows.withUnsafeBufferPointer { source in
          if let from = source.baseAddress, let to = target.baseAddress {
            HalfFloats.encode(from, into: to, count: count)
          }
        }
      }
      batches[id] = Batch(
        run: LayerRun(
          layer: layer, tokenCount: routed.tokenCount, hiddenSize: model.hiddenSize, requests: requests),
        startedAt: startedAt, rows: halves, ending: ending)
      send(requests, of: id)
      batches[id]?.timing.dispatchSeconds = (ContinuousClock.now - start).inSeconds
    } catch {
      ending(.failure(error))
    }
  }

  private func send(_ requests: [HostRequest], of id: UInt64) {
    next: for request in requests {
      // A host found lost while the batch is sent may end it, or give this request to others.
      guard let batch = batches[id], batch.run.host(of: request.id) != nil else { continue }
      batchOfRequest[request.id] = id
      var sent = 0
      var firstPair = 0
      let rowBytes = MessageParts.rowBytes(hiddenSize: model.hiddenSize, topK: request.topK)
      for part in MessageParts.ranges(rowCount: request.tokens.count, rowBytes: rowBytes) {
        var end = firstPair
        while end < request.rows.count, request.rows[end] < part.upperBound { end += 1 }
        guard
          let bytes = lines[request.host].send(
            request, layer: batch.run.layer, part: part, pairs: firstPair..<end, rows: batch.rows,
            hiddenSize: model.hiddenSize)
        else {
          // Its connection is gone or stuck; what was sent is of no use without the rest.
          lose(request.host)
          continue next
        }
        firstPair = end
        sent += bytes
      }
      batches[id]?.timing.hosts.append(
        LayerTiming.Host(
          host: request.host, rows: request.tokens.count, pairs: request.rows.count, queuedSeconds: 0,
          computedSeconds: 0, processorSeconds: 0, sentBytes: sent, receivedBytes: 0))
    }
  }

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

  private func take(_ header: ExpertSumsHeader, _ bytes: UnsafeRawBufferPointer, _ count: Int, from host: Int) {
    guard let id = batchOfRequest[header.id], batches[id]?.run.host(of: header.id) == host else { return }
    let start = ContinuousClock.now
    // In place: a copy of the batch would copy its sums.
    let received = batches[id]?.run.receive(header, bytes) ?? .ignored
    if let place = batches[id]?.timing.hosts.lastIndex(where: { $0.host == host }) {
      batches[id]?.timing.hosts[place].receivedBytes += count
      batches[id]?.timing.hosts[place].queuedSeconds = header.queuedSeconds
      batches[id]?.timing.hosts[place].computedSeconds = header.computedSeconds
      batches[id]?.timing.hosts[place].processorSeconds = header.processorSeconds
    }
    let now = ContinuousClock.now
    batches[id]?.timing.combineSeconds += (now - start).inSeconds
    switch received {
    case .ignored, .taken: break
    case .malformed:
      fail(id, ApusError(.badInput, "host \(lines[host].host.name) answered with rows that do not fit the request"))
    case .complete:
      guard var batch = remove(id) else { return }
      batch.timing.totalSeconds = (now - batch.startedAt).inSeconds
      batch.ending(.success(LayerResult(rows: batch.run.sums, timing: batch.timing)))
    }
  }

  // MARK: Time

  func hedge(_ id: UInt64) {
    guard var batch = batches[id], let split = try? split(layer: batch.run.layer) else { return }
    let late = batch.run.waitingHosts
    let fresh = batch.run.hedge { request throws(ApusError) in try split.requests(instead: request, without: late) }
    batch.timing.hedged += fresh.count
    batches[id] = batch
    send(fresh, of: id)
  }

  func expire(_ id: UInt64, after limit: Duration) {
    guard let batch = batches[id] else { return }
    let names = batch.run.waitingHosts.sorted().map { lines[$0].host.name }.joined(separator: ", ")
    fail(
      id,
      ApusError(
        .tryAgain, "layer \(batch.run.layer) was not done within \(limit): no answer from \(names)",
        advice: "give it longer, plan without those hosts, or with replicas of their experts"))
  }

  func fail(_ id: UInt64, _ error: ApusError) { remove(id)?.ending(.failure(error)) }

  private func remove(_ id: UInt64) -> Batch? {
    guard let batch = batches.removeValue(forKey: id) else { return nil }
    // Also those that were given up: their late answers belong to nobody.
    for (request, owner) in batchOfRequest where owner == id { batchOfRequest[request] = nil }
    return batch
  }
}
