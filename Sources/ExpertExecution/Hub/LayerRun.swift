import Messaging
import Serving

/// One batch on its way through one layer: which requests are open, and the sums so far.
///
/// Each request of the first split is a duty. It is fulfilled by its first attempt, or by a later one on other hosts, which
/// is made when a host is lost or late; what comes first counts, once, and only as a whole.
struct LayerRun {
  enum Received: Hashable {
    /// Of no open request: late, or of an attempt that was given up.
    case ignored
    /// A size or an order that cannot be.
    case malformed
    case taken
    /// The whole batch is there.
    case complete
  }

  private struct Duty {
    let request: HostRequest
    var attempts: [[UInt64]]
    var isFulfilled = false
  }

  private struct Open {
    let request: HostRequest
    let duty: Int
    /// Half-precision sums, `[row][hidden]`; empty before the first part.
    var sums: [UInt16] = []
    var receivedRows = 0
    var isWhole: Bool { receivedRows == request.tokens.count }

    mutating func take(_ bytes: UnsafeRawBufferPointer, rows: Range<Int>, hiddenSize: Int) {
      if sums.isEmpty { sums = [UInt16](repeating: 0, count: request.tokens.count * hiddenSize) }
      sums.withUnsafeMutableBytes { target in
        let start = rows.lowerBound * hiddenSize * 2
        UnsafeMutableRawBufferPointer(rebasing: target[start..<start + bytes.count]).copyMemory(from: bytes)
      }
      receivedRows = rows.upperBound
    }
  }

  let layer: Int
  let hiddenSize: Int
  /// `[token][hidden]`.
  private(set) var sums: [Float]
  private var duties: [Duty] = []
  private var open: [UInt64: Open] = [:]

  init(layer: Int, tokenCount: Int, hiddenSize: Int, requests: [HostRequest]) {
    self.layer = layer
    self.hiddenSize = hiddenSize
    sums = [Float](repeating: 0, count: tokenCount * hiddenSize)
    for request in requests {
      open[request.id] = Open(request: request, duty: duties.count)
      duties.append(Duty(request: request, attempts: [[request.id]]))
    }
  }

  var isComplete: Bool { duties.allSatisfy(\.isFulfilled) }
  /// Hosts whose answers are still waited for.
  var waitingHosts: Set<Int> { Set(open.values.filter { !$0.isWhole }.map(\.request.host)) }

  /// The host of an open request; nil for any other.
  func host(of id: UInt64) -> Int? { open[id]?.request.host }

  mutating func receive(_ header: ExpertSumsHeader, _ bytes: UnsafeRawBufferPointer) -> Received {
    guard let request = open[header.id]?.request, let received = open[header.id]?.receivedRows else { return .ignored }
    guard header.rows.lowerBound == received, header.rows.upperBound <= request.tokens.count,
      bytes.count == header.rows.count * hiddenSize * 2, !bytes.isEmpty
    else { return .malformed }
    open[header.id]?.take(bytes, rows: header.rows, hiddenSize: hiddenSize)
    guard header.rows.upperBound == request.tokens.count else { return .taken }
    return fulfil(header.id)
  }

  private mutating func fulfil(_ id: UInt64) -> Received {
    guard let number = open[id]?.duty,
      let attempt = duties[number].attempts.first(where: { $0.allSatisfy { open[$0]?.isWhole == true } })
    else { return .taken }
    for id in attempt {
      guard let part = open[id] else { continue }
      part.sums.withUnsafeBytes { halves in
        sums.withUnsafeMutableBufferPointer { sums in
          guard let from = halves.baseAddress, let to = sums.baseAddress else { return }
          for (row, token) in part.request.tokens.enumerated() {
            HalfFloats.add(from + row * hiddenSize * 2, to: to + Int(token) * hiddenSize, count: hiddenSize)
          }
        }
      }
    }
    for id in duties[number].attempts.joined() { open[id] = nil }
    duties[number].isFulfilled = true
    return isComplete ? .complete : .taken
  }

  /// Gives up what a lost host was asked for, and asks others.
  ///
  /// - Parameter instead: requests to other hosts for the same computations.
  /// - Returns: requests to send.
  mutating func lose(
    host: Int, instead: (HostRequest) throws(ApusError) -> [HostRequest]
  ) throws(ApusError) -> [HostRequest] {
    var fresh: [HostRequest] = []
    for number in duties.indices where !duties[number].isFulfilled {
      let lost = duties[number].attempts.filter { $0.contains { isWaiting($0, for: host) } }
      guard !lost.isEmpty else { continue }
      duties[number].attempts.removeAll { lost.contains($0) }
      for id in lost.joined() { open[id] = nil }
      if duties[number].attempts.isEmpty { fresh += add(try instead(duties[number].request), to: number) }
    }
    return fresh
  }

  private func isWaiting(_ id: UInt64, for host: Int) -> Bool {
    open[id].map { $0.request.host == host && !$0.isWhole } ?? false
  }

  /// Asks other hosts for what is late, once, where there are any.
  ///
  /// - Returns: requests to send.
  mutating func hedge(instead: (HostRequest) throws(ApusError) -> [HostRequest]) -> [HostRequest] {
    var fresh: [HostRequest] = []
    for number in duties.indices where !duties[number].isFulfilled && duties[number].attempts.count == 1 {
      // Without a replica there is nothing to hedge with; the deadline says so when it comes to that.
      guard let requests = try? instead(duties[number].request) else { continue }
      fresh += add(requests, to: number)
    }
    return fresh
  }

  private mutating func add(_ requests: [HostRequest], to number: Int) -> [HostRequest] {
    duties[number].attempts.append(requests.map(\.id))
    for request in requests { open[request.id] = Open(request: request, duty: number) }
    return requests
  }
}
