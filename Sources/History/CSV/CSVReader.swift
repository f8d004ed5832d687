import Foundation

/// One line of a CSV file: its fields, or what is wrong with it.
public struct CSVRecord: Hashable, Sendable {
  /// Number of the line it begins in, from 1.
  public var line: Int
  public var fields: Result<[String], RowFault>
}

/// What is wrong with a line or a row, without its place.
public struct RowFault: Error, Hashable, Sendable {
  public var reason: String

  init(_ reason: String) { self.reason = reason }
}

/// Reads CSV as RFC 4180 has it, piece by piece.
///
/// Lines end in CRLF or LF; a byte order mark at the start and empty lines are left out. A line with a fault (a quote
/// where none may be, bytes that are no UTF-8, too much in it) is reported, and reading goes on behind the next line
/// break. Memory is bounded by the limits whatever the input.
public struct CSVReader {
  public struct Limits {
    public var fieldBytes: Int
    public var recordBytes: Int
    public var fieldCount: Int

    public init(fieldBytes: Int = 1 << 20, recordBytes: Int = 4 << 20, fieldCount: Int = 1000) {
      self.fieldBytes = fieldBytes
      self.recordBytes = recordBytes
      self.fieldCount = fieldCount
    }
  }

  private enum State {
    case fieldStart, unquoted, quoted
    /// Behind a quote within a quoted field: its end, or the first half of a doubled quote.
    case quoteSeen
    /// Behind a carriage return outside of quotes.
    case returnSeen
    /// In the rest of a line with a fault.
    case skipping
  }

  private static let (quote, comma, lineFeed, carriageReturn) = (
    UInt8(ascii: "\""), UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r")
  )

  private let limits: Limits
  private var state = State.fieldStart
  private var field: [UInt8] = []
  private var fields: [String] = []
  private var recordByteCount = 0
  private var line = 1
  private var recordLine = 1
  private var wasQuoted = false
  private var isAtStart = true
  private var fault: RowFault?

  public init(limits: Limits = Limits()) { self.limits = limits }

  /// Takes the next bytes and gives every record they complete.
  public mutating func consume(_ bytes: some Sequence<UInt8>) -> [CSVRecord] {
    var records: [CSVRecord] = []
    for byte in bytes { if let record = consume(byte) { records.append(record) } }
    return records
  }

  /// The last record, when the input does not end in a line break.
  public mutating func finish() -> CSVRecord? {
    if state == .quoted { fail("a quoted field that begins in this record never ends") }
    if state == .returnSeen { return consume(Self.lineFeed) }
    let isEmpty = state == .fieldStart && fields.isEmpty && field.isEmpty && fault == nil
    return isEmpty ? nil : endRecord()
  }

  private mutating func consume(_ byte: UInt8) -> CSVRecord? {
    defer { if byte == Self.lineFeed { line += 1 } }
    switch state {
    case .skipping:
      return byte == Self.lineFeed ? endRecord() : nil
    case .returnSeen:
      guard byte == Self.lineFeed else { return fail("a carriage return without a line feed") }
      return endRecord()
    case .quoted:
      if byte == Self.quote { state = .quoteSeen } else { append(byte) }
      return nil
    case .quoteSeen where byte == Self.quote:
      append(byte)
      if state == .quoteSeen { state = .quoted }
      return nil
    case .fieldStart where byte == Self.quote:
      state = .quoted
      wasQuoted = true
      return nil
    case .fieldStart, .unquoted, .quoteSeen:
      return consumeUnquoted(byte)
    }
  }

  private mutating func consumeUnquoted(_ byte: UInt8) -> CSVRecord? {
    switch byte {
    case Self.comma:
      endField()
      if fault == nil { state = .fieldStart }
      return nil
    case Self.lineFeed:
      return endRecord()
    case Self.carriageReturn:
      state = .returnSeen
      return nil
    default:
      if state == .quoteSeen { return fail("text behind the closing quote of a field") }
      if byte == Self.quote {
        // A byte order mark reads as text before the first field's quote.
        if isAtStart, field == [0xEF, 0xBB, 0xBF] {
          field = []
          state = .quoted
          wasQuoted = true
          return nil
        }
        return fail("a quote within a field that is not quoted")
      }
      state = .unquoted
      append(byte)
      return nil
    }
  }

  private mutating func append(_ byte: UInt8) {
    recordByteCount += 1
    if field.count >= limits.fieldBytes {
      fail("a field of more than \(limits.fieldBytes) bytes")
    } else if recordByteCount > limits.recordBytes {
      fail("a record of more than \(limits.recordBytes) bytes")
    } else {
      field.append(byte)
    }
  }

  @discardableResult
  private mutating func fail(_ reason: String) -> CSVRecord? {
    if fault == nil { fault = RowFault(reason) }
    state = .skipping
    (field, fields) = ([], [])
    return nil
  }

  private mutating func endField() {
    if isAtStart, field.starts(with: [0xEF, 0xBB, 0xBF]) { field.removeFirst(3) }
    isAtStart = false
    guard let text = String(validating: field, as: UTF8.self) else {
      fail("bytes that are no UTF-8")
      return
    }
    guard fields.count < limits.fieldCount else {
      fail("more than \(limits.fieldCount) fields")
      return
    }
    fields.append(text)
    field.removeAll(keepingCapacity: true)
  }

  private mutating func endRecord() -> CSVRecord? {
    if fault == nil { endField() }
    defer {
      (state, field, fields, fault, wasQuoted) = (.fieldStart, [], [], nil, false)
      (recordByteCount, recordLine) = (0, line + 1)
    }
    if let fault { return CSVRecord(line: recordLine, fields: .failure(fault)) }
    let isEmptyLine = fields == [""] && !wasQuoted
    return isEmptyLine ? nil : CSVRecord(line: recordLine, fields: .success(fields))
  }
}
