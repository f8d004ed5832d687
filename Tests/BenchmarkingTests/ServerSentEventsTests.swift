import Benchmarking
import Serving
import Testing

@Suite("Server-sent events") struct ServerSentEventsTests {
  private let stream = "data: one\n\n: ping\n\nevent: x\ndata:two\r\n\ndata: \u{65e5}\u{672c}\n\ndata: unfinished"

  private func payloads(_ pieces: [[UInt8]], limit: Int = 100) throws -> [String] {
    var events = ServerSentEvents(lineLimitBytes: limit)
    var found: [String] = []
    for piece in pieces {
      try events.append(piece) { found.append(String(decoding: $0, as: UTF8.self)) }
    }
    return found
  }

  /// Comments, other fields and unfinished lines are no events.
  @Test func wholeStream() throws {
    #expect(try payloads([Array(stream.utf8)]) == ["one", "two", "\u{65e5}\u{672c}"])
  }

  /// However the bytes are cut, also within a character, the events are the same.
  @Test func anyCutGivesTheSameEvents() throws {
    var generator = SeededGenerator(seed: 4)
    for size in 1...20 {
      var rest = Array(stream.utf8)[...]
      var pieces: [[UInt8]] = []
      while !rest.isEmpty {
        let count = min(rest.count, Int.random(in: 1...size, using: &generator))
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      #expect(try payloads(pieces) == ["one", "two", "\u{65e5}\u{672c}"], "pieces of up to \(size)")
    }
  }

  /// A line over the limit is refused, whether its end ever comes or not.
  @Test(arguments: ["\n", ""]) func longLines(end: String) throws {
    let line = "data: " + String(repeating: "x", count: 95)
    #expect(throws: RequestFailure.tooLong(limitBytes: 100)) { try payloads([Array((line + end).utf8)]) }
    #expect(throws: RequestFailure.tooLong(limitBytes: 100)) { try payloads(Array((line + end).utf8).map { [$0] }) }
    #expect(try payloads([Array((line.dropLast() + "\n").utf8)]).count == 1)
  }
}
