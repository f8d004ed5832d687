import Messaging
import Serving
import Testing

/// Headers of expert traffic come back as they were sent, and nothing else is taken for one.
@Suite("Expert headers")
struct ExpertCodecTests {
  private static let headers: [ExpertMessage] = [
    .hello(version: 3),
    .facts(
      ExpertFacts(layerCount: 26, expertCount: 64, hiddenSize: 2048, intermediateSize: 1408, loadedBytes: 17 << 30)),
    .load(ExpertChange(id: 1 << 40, layer: 25, experts: Array(0..<4096), cut: 0..<1408)),
    .loaded(ExpertLoaded(id: 7, movedBytes: 34_603_008, loadedBytes: 69_206_016, seconds: 0.25)),
    .drop(ExpertChange(id: 8, layer: 0, experts: [], cut: 704..<1408)),
    .batch(ExpertBatchHeader(id: 9, layer: 3, cut: 0..<1408, rowCount: 2048, rows: 240..<480, pairCount: 1440)),
    .sums(
      ExpertSumsHeader(id: 9, rows: 0..<240, queuedSeconds: 0, computedSeconds: 1.5, processorSeconds: 0.25)),
    .refusal(id: 10, ApusError(.badInput, "expert 3 is not here", advice: "move it")),
  ]

  @Test(arguments: headers)
  func comesBackAsItWasSent(header: ExpertMessage) throws {
    let codec = ExpertCodec()
    let bytes = try codec.encode(header)
    #expect(try bytes.withUnsafeBytes { try codec.decode($0) } == header)
    // Every shorter piece is refused or another header; it never reads beyond its end.
    for count in 0..<min(bytes.count, 64) {
      let short = try? bytes[..<count].withUnsafeBytes { try codec.decode($0) }
      #expect(short != header)
    }
  }

  /// A part that claims more rows than its batch, a cut that is empty, and a header of no kind.
  @Test func refusesWhatCannotBe() throws {
    let codec = ExpertCodec()
    let beyond = try codec.encode(
      .batch(ExpertBatchHeader(id: 1, layer: 0, cut: 0..<1, rowCount: 2, rows: 1..<3, pairCount: 0)))
    let empty = try codec.encode(.load(ExpertChange(id: 1, layer: 0, experts: [0], cut: 5..<5)))
    for bytes in [beyond, empty, []] {
      #expect(throws: CodecError.self) { try bytes.withUnsafeBytes { try codec.decode($0) } }
    }
    #expect(throws: CodecError.self) {
      try codec.encode(.load(ExpertChange(id: 1, layer: 0, experts: [-1], cut: 0..<1)))
    }
  }
}
