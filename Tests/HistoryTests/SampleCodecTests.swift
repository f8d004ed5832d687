import Foundation
import Serving
import TestKit
import Testing

@testable import History

/// Raw samples come back exactly, and no bytes, however broken, do more than throw.
@Suite struct SampleCodecTests {
  @Test(arguments: 1...10)
  func samplesComeBack(seed: UInt64) throws {
    var examples = HistoryExamples(seed: seed)
    var samples = (0..<8).map { examples.sample(tokenCount: $0 * 7) }
    samples.append(
      RequestTimeline(
        sentAtSeconds: -.infinity, tokenSeconds: [.greatestFiniteMagnitude, -0.0], promptTokenCount: .min,
        cachedTokenCount: .max, failure: "\u{0}é"))
    let bytes = SampleCodec.encode(samples)
    #expect(try SampleCodec.decode(bytes) == samples)
    #expect(try SampleCodec.decode(SampleCodec.encode([])) == [])
  }

  @Test func everyCutIsRefused() throws {
    var examples = HistoryExamples(seed: 1)
    let bytes = SampleCodec.encode([examples.sample(tokenCount: 5), examples.sample(tokenCount: 3)])
    for length in 0..<bytes.count {
      #expect(throws: HistoryFault.self, "cut at \(length)") { try SampleCodec.decode(bytes.prefix(length)) }
    }
    #expect(throws: HistoryFault.self) { try SampleCodec.decode(bytes + [0]) }
  }

  /// Flips bytes at random; the outcome is other samples or a refusal, never a trap or a huge allocation.
  @Test(arguments: 1...5)
  func flippedBytesAreHarmless(seed: UInt64) {
    var examples = HistoryExamples(seed: seed)
    var generator = SeededGenerator(seed: seed)
    let bytes = SampleCodec.encode([examples.sample(tokenCount: 5), examples.sample(tokenCount: 3)])
    for _ in 0..<2_000 {
      var broken = bytes
      for _ in 0..<3 {
        broken[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if let samples = try? SampleCodec.decode(broken) {
        #expect(samples.reduce(0) { $0 + $1.tokenSeconds.count } <= bytes.count / 8)
      }
    }
  }
}
