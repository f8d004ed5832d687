import Testing

@testable import History

/// The CSV reader against RFC 4180, in pieces of every size, and against input that is none.
@Suite struct CSVReaderTests {
  private func read(_ bytes: [UInt8], pieces: Int, limits: CSVReader.Limits = .init()) -> [CSVRecord] {
    var reader = CSVReader(limits: limits)
    var records: [CSVRecord] = []
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      records += reader.consume(bytes[start..<min(start + pieces, bytes.count)])
    }
    return records + (reader.finish().map { [$0] } ?? [])
  }

  private func described(_ records: [CSVRecord]) -> [String] {
    records.map { record in
      switch record.fields {
      case .success(let fields): "\(record.line): \(fields.joined(separator: "|"))"
      case .failure(let fault): "\(record.line)! \(fault.reason)"
      }
    }
  }

  @Test(arguments: [
    ("", []),
    ("a,b\r\nc,d\r\n", ["1: a|b", "2: c|d"]),
    ("a,b\nc,d", ["1: a|b", "2: c|d"]),
    ("a\r", ["1: a"]),
    (",\r\n", ["1: |"]),
    ("\u{FEFF}a,b\n", ["1: a|b"]),
    ("\u{FEFF}\"a\",b\n", ["1: a|b"]),
    ("\"a,\"\"b\"\"\r\nc\",d\ne\n", ["1: a,\"b\"\r\nc|d", "3: e"]),
    ("\"\"\n", ["1: "]),
    ("a\n\n\r\nb\n", ["1: a", "4: b"]),
    ("a,\"b\"x,c\nd\n", ["1! text behind the closing quote of a field", "2: d"]),
    ("a\"b\nc\n", ["1! a quote within a field that is not quoted", "2: c"]),
    ("a\rb\nc\n", ["1! a carriage return without a line feed", "2: c"]),
    ("a\n\"b\nc\n", ["1: a", "2! a quoted field that begins in this record never ends"]),
    ("1234567\nb\n", ["1! a field of more than 6 bytes", "2: b"]),
    ("12345,12345,1\nb\n", ["1! a record of more than 10 bytes", "2: b"]),
    ("1,2,3,4,5\nb\n", ["1! more than 4 fields", "2: b"]),
  ])
  func reads(text: String, expected: [String]) {
    let limits = CSVReader.Limits(fieldBytes: 6, recordBytes: 10, fieldCount: 4)
    let isLong = text.contains("\"\"b")
    for pieces in 1...7 {
      let records = read(Array(text.utf8), pieces: pieces, limits: isLong ? .init() : limits)
      #expect(described(records) == expected, "in pieces of \(pieces)")
    }
  }

  @Test func refusesWhatIsNoText() {
    #expect(described(read([0x61, 0xFF, 0x0A, 0x62], pieces: 2)) == ["1! bytes that are no UTF-8", "2: b"])
  }

  /// Whatever is written is read back: random fields of the letters that matter, from printed seeds.
  @Test(arguments: 1...20)
  func writtenRecordsAreReadBack(seed: UInt64) {
    var generator = SeededLetters(seed: seed)
    let records = (0..<50).map { _ in (0..<3).map { _ in generator.text() } }
    let text = records.map { CSVWriter.record($0) }.joined()
    let found = read(Array(text.utf8), pieces: 11).map { try? $0.fields.get() }
    #expect(found == records)
  }
}

/// Random short texts of quotes, separators, line breaks and letters.
private struct SeededLetters {
  private var state: UInt64
  private let letters = ["\"", ",", "\r\n", "\n", "\r", "a", " ", "\u{E9}"]

  init(seed: UInt64) { state = seed }

  mutating func text() -> String {
    (0..<next(6)).map { _ in letters[next(letters.count)] }.joined()
  }

  private mutating func next(_ count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % count
  }
}
