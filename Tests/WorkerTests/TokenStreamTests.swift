import Messaging
import Serving
import Testing

@testable import Worker

@Suite("TokenStream") struct TokenStreamTests {
  private func stream(firstIndex: Int = 0) -> TokenStream {
    TokenStream(job: JobID("job"), lease: LeaseID("lease"), firstIndex: firstIndex)
  }

  private func drain(_ stream: inout TokenStream) -> [TokenChunk] {
    var chunks: [TokenChunk] = []
    while let chunk = stream.next() { chunks.append(chunk) }
    return chunks
  }

  /// A user waits for the first token: it goes at once, and the next ones wait for each other.
  @Test func firstAtOnceThenTogether() {
    var stream = stream()
    #expect(stream.append(GeneratedTokens([1], "a")) == false)
    #expect(drain(&stream).map(\.tokenIDs) == [[1]])
    #expect(stream.append(GeneratedTokens([2], "b")) == true)
    #expect(stream.append(GeneratedTokens([3], "c")) == true)
    #expect(drain(&stream).isEmpty)
    stream.flush()
    let chunk = stream.next()
    #expect(chunk?.firstIndex == 1)
    #expect(chunk?.tokenIDs == [2, 3])
    #expect(chunk?.text == "bc")
  }

  /// Text that comes without a token has no place of its own: it goes with the next one.
  @Test func textWaitsForAToken() {
    var stream = stream()
    _ = stream.append(GeneratedTokens([], "a"))
    stream.flush()
    #expect(drain(&stream).isEmpty)
    _ = stream.append(GeneratedTokens([1], "b"))
    stream.flush()
    #expect(drain(&stream).map(\.text) == ["ab"])
  }

  /// What is known of tokens goes with them.
  @Test func logprobsGoWithTheirTokens() {
    var stream = stream()
    let said = (0..<3).map { TokenLogprob(.init(bytes: [$0], logprob: -1)) }
    for place in 0..<3 {
      _ = stream.append(GeneratedTokens([Int32(place)], "x", logprobs: [said[place]]))
    }
    stream.flush()
    #expect(drain(&stream).map(\.logprobs) == [[said[0]], [said[1], said[2]]])
  }

  /// So many waiting tokens are enough; nothing is lost, doubled or renumbered however they come.
  @Test(arguments: [1, 3, 16, 70]) func manyAtOnce(step: Int) {
    var stream = stream(firstIndex: 7)
    var count = 0
    while count < 300 {
      let tokens = (count..<count + step).map { Int32($0) }
      _ = stream.append(GeneratedTokens(tokens, String(repeating: "x", count: step)))
      count += step
    }
    stream.flush()
    let chunks = drain(&stream)
    #expect(chunks.flatMap(\.tokenIDs) == (0..<Int32(count)).map { $0 })
    #expect(chunks.map(\.text).joined().count == count)
    var next = 7
    for chunk in chunks {
      #expect(chunk.firstIndex == next)
      #expect(chunk.tokenIDs.count <= max(TokenStream.mostWaitingTokens + step, step))
      next += chunk.tokenIDs.count
    }
  }

  /// After a reconnect the same chunks go again, with the same bounds, so that a receiver can skip what it has.
  @Test func rewindRepeatsTheSameChunks() {
    var stream = stream()
    _ = stream.append(GeneratedTokens([1], "a"))
    _ = stream.append(GeneratedTokens([2, 3], "b"))
    stream.flush()
    let first = drain(&stream)
    stream.rewind()
    #expect(drain(&stream) == first)
    #expect(first.count == 2)
  }

  /// An empty flush makes no chunk.
  @Test func flushOfNothing() {
    var stream = stream()
    stream.flush()
    #expect(stream.next() == nil)
  }
}

@Suite("SharedTokenStream") struct SharedTokenStreamTests {
  private let stream = SharedTokenStream(TokenStream(job: JobID("job"), lease: LeaseID("lease"), firstIndex: 0))

  private func append(_ token: Int32, atMS ms: Int) -> SharedTokenStream.Next {
    stream.append(GeneratedTokens([token], "x"), at: .milliseconds(ms), interval: .milliseconds(20))
  }

  private var sent: [[Int32]] {
    var chunks: [[Int32]] = []
    while let chunk = stream.next() { chunks.append(chunk.tokenIDs) }
    return chunks
  }

  /// All that wait ask for a flush, whoever sees to it; who flushes need not have been asked by this stream.
  @Test func waitsForAFlush() {
    #expect(append(1, atMS: 100) == .send && append(2, atMS: 105) == .flushLater && append(3, atMS: 110) == .flushLater)
    #expect(sent == [[1]])
    stream.flush(at: .milliseconds(112))
    #expect(sent == [[2, 3]])
    #expect(append(4, atMS: 115) == .flushLater)
  }

  /// A flush for the sake of others does not make the next token wait.
  @Test func flushOfOthers() {
    #expect(append(1, atMS: 100) == .send)
    stream.flush(at: .milliseconds(119))
    #expect(append(2, atMS: 121) == .send)
    #expect(sent == [[1], [2]])
  }
}
