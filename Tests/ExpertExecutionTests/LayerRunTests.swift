import ExpertPlacement
import Messaging
import Serving
import Testing

@testable import ExpertExecution

/// The bookkeeping of one batch, without sockets: every answer counts once, whatever is late, lost or sent twice.
@Suite("Layer run")
struct LayerRunTests {
  private final class Numbers { var last: UInt64 = 0 }

  /// Four experts: 0 on host 0, 1 on host 1, 2 on both, 3 on host 2.
  private func split(lost: Set<Int> = []) -> RequestSplit {
    let numbers = Numbers()
    numbers.last = lost.isEmpty ? 0 : 100
    let experts = [[0], [1], [0, 1], [2]].map { hosts in
      hosts.map { HostShare(host: $0, weight: 1 / Double(hosts.count)) }
    }
    return RequestSplit(
      layer: 0, placement: .hosted(experts), dispatch: .locality, intermediateSize: 4, hostCount: 3,
      hostName: { "host-\($0)" }, has: { host, _ in !lost.contains(host) },
      nextID: {
        numbers.last += 1
        return numbers.last
      })
  }

  /// Token 0 uses experts 0 and 2, token 1 uses 1 and 2, token 2 uses 3 and 0.
  private let routed = RoutedTokens(
    topK: 2, experts: [0, 2, 1, 2, 3, 0], gates: [0.5, 0.25, 1, 1, 1, 1])

  private func answer(_ run: inout LayerRun, _ request: HostRequest, _ value: Float) -> LayerRun.Received {
    let halves = [UInt16](repeating: HalfFloats.half(value), count: request.tokens.count * 2)
    return halves.withUnsafeBytes {
      run.receive(
        ExpertSumsHeader(
          id: request.id, rows: 0..<request.tokens.count, queuedSeconds: 0, computedSeconds: 0, processorSeconds: 0),
        $0)
    }
  }

  @Test func splitsByHostWithLocality() throws {
    let requests = try split().requests(routed).sorted { $0.host < $1.host }
    #expect(requests.map(\.host) == [0, 1, 2])
    #expect(requests.map(\.tokens) == [[0, 2], [1], [2]])
    #expect(requests.map(\.rows) == [[0, 0, 1], [0, 0], [0]])
    #expect(requests.map(\.experts) == [[0, 2, 0], [1, 2], [3]])
    #expect(requests.map(\.gates) == [[0.5, 0.25, 1], [1, 1], [1]])
  }

  @Test func addsUpEachAnswerOnce() throws {
    let requests = try split().requests(routed)
    var run = LayerRun(layer: 0, tokenCount: 3, hiddenSize: 2, requests: requests)
    #expect(answer(&run, requests[0], 1) == .taken)
    #expect(answer(&run, requests[0], 1) == .ignored, "the same answer again")
    #expect(answer(&run, requests[1], 2) == .taken)
    #expect(run.waitingHosts == [requests[2].host])
    #expect(answer(&run, requests[2], 4) == .complete)
    #expect(run.sums == [1, 1, 2, 2, 5, 5])
  }

  /// Parts out of order, too long, or of another size change nothing.
  @Test func refusesPartsThatDoNotFit() throws {
    let requests = try split().requests(routed)
    var run = LayerRun(layer: 0, tokenCount: 3, hiddenSize: 2, requests: requests)
    for (rows, bytes) in [(1..<2, 4), (0..<3, 12), (0..<1, 8), (0..<0, 0)] {
      let frame = [UInt8](repeating: 0, count: bytes)
      let received = frame.withUnsafeBytes {
        run.receive(
          ExpertSumsHeader(
            id: requests[0].id, rows: rows, queuedSeconds: 0, computedSeconds: 0, processorSeconds: 0), $0)
      }
      #expect(received == .malformed)
    }
  }

  /// The hedge of a late host and the late host itself: the first whole answer counts.
  @Test func takesTheFirstOfTwoAttempts() throws {
    let only2 = RoutedTokens(topK: 1, experts: [2, 2], gates: [1, 1])
    let first = try split().requests(only2)
    var run = LayerRun(layer: 0, tokenCount: 2, hiddenSize: 2, requests: first)
    let late = run.waitingHosts
    let again = run.hedge { request throws(ApusError) in try split(lost: late).requests(instead: request, without: late)
    }
    #expect(again.count == first.count)
    #expect(run.hedge { _ throws(ApusError) in [] }.isEmpty, "asked again once")
    var last = LayerRun.Received.taken
    for request in again { last = answer(&run, request, 3) }
    #expect(last == .complete)
    for request in first { #expect(answer(&run, request, 7) == .ignored) }
    #expect(run.sums == [3, 3, 3, 3])
  }

  @Test func movesLostWorkAndNamesWhatHasNoHost() throws {
    let count = 32
    let requests = try split().requests(
      RoutedTokens(
        topK: 1, experts: [UInt16](repeating: 2, count: count), gates: [Float](repeating: 1, count: count)))
    #expect(Set(requests.map(\.host)) == [0, 1], "the drawn shares use both")
    var run = LayerRun(layer: 0, tokenCount: count, hiddenSize: 2, requests: requests)
    let fresh = try run.lose(host: 0) { request throws(ApusError) in
      try split(lost: [0]).requests(instead: request, without: [0])
    }
    #expect(fresh.map(\.host) == [1])
    #expect(fresh.first?.tokens == requests.first { $0.host == 0 }?.tokens)

    var other = LayerRun(layer: 0, tokenCount: 3, hiddenSize: 2, requests: try split().requests(routed))
    let error = #expect(throws: ApusError.self) {
      try other.lose(host: 2) { request throws(ApusError) in
        try split(lost: [2]).requests(instead: request, without: [2])
      }
    }
    #expect(error?.reason == "expert 3 of layer 0 has no living host; it is placed on host-2")
  }
}
