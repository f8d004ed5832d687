import Messaging
import Serving

/// Batches on their way: sent to the hosts of their experts, asked again of others where that is late or lost, added up.
extension HubSession {
  func split(layer: Int) throws(ApusError) -> RequestSplit {
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
      batches[id]?.timing.dispatchSeconds = (ContinuousClock.now - start).seconds
    } catch {
      ending(.failure(error))
    }
  }

  func send(_ requests: [HostRequest], of id: UInt64) {
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

  func take(_ header: ExpertSumsHeader, _ bytes: UnsafeRawBufferPointer, _ count: Int, from host: Int) {
    guard let id = batchOfRequest[header.id], batches[id]?.run.host(of: header.id) == host else { return }
    let start = ContinuousClock.now
    let answered = batches[id].map { (start - $0.startedAt).seconds } ?? 0
    // In place: a copy of the batch would copy its sums.
    let received = batches[id]?.run.receive(header, bytes) ?? .ignored
    if let place = batches[id]?.timing.hosts.lastIndex(where: { $0.host == host }) {
      batches[id]?.timing.hosts[place].receivedBytes += count
      batches[id]?.timing.hosts[place].answeredSeconds = answered
      batches[id]?.timing.hosts[place].queuedSeconds = header.queuedSeconds
      batches[id]?.timing.hosts[place].computedSeconds = header.computedSeconds
      batches[id]?.timing.hosts[place].processorSeconds = header.processorSeconds
    }
    let now = ContinuousClock.now
    batches[id]?.timing.combineSeconds += (now - start).seconds
    switch received {
    case .ignored, .taken: break
    case .malformed:
      fail(id, ApusError(.badInput, "host \(lines[host].host.name) answered with rows that do not fit the request"))
    case .complete:
      guard var batch = remove(id) else { return }
      batch.timing.totalSeconds = (now - batch.startedAt).seconds
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
