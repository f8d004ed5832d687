import Serving

/// The rows of a file that was read whole, each turned into a measurement when its turn comes.
struct ImportRows<Row>: ImportSource {
  /// One row where it begins, or what is wrong with it.
  typealias Entry = (line: Int, row: Result<Row, RowFault>)

  private var rows: ArraySlice<Entry>
  private var lineByID: [MeasurementID: Int] = [:]
  private let measurement: (Row) throws(RowFault) -> Measurement
  var ignoredColumns: [String] { [] }

  init(_ rows: [Entry], _ measurement: @escaping (Row) throws(RowFault) -> Measurement) {
    self.rows = rows[...]
    self.measurement = measurement
  }

  mutating func next() -> Result<Measurement, ImportProblem>? {
    guard let (line, row) = rows.popFirst() else { return nil }
    do throws(RowFault) {
      let made = try measurement(try row.get())
      if let first = lineByID[made.id] { throw RowFault("the same as line \(first)") }
      lineByID[made.id] = line
      return .success(made)
    } catch {
      return .failure(ImportProblem(line: line, reason: error.reason))
    }
  }
}

extension ImportRows where Row == ImportRecord {
  /// Records of a CSV file by the names in its first line.
  static func csv(_ bytes: [UInt8]) -> [Entry] {
    var reader = CSVReader()
    var records = reader.consume(bytes)
    if let last = reader.finish() { records.append(last) }
    guard case .success(let header)? = records.first?.fields else { return [] }
    return records.dropFirst().map { record in
      let row = record.fields.flatMap { fields -> Result<ImportRecord, RowFault> in
        fields.count == header.count
          ? .success(ImportRecord(Dictionary(zip(header, fields), uniquingKeysWith: { first, _ in first })))
          : .failure(RowFault("\(fields.count) fields, but the header has \(header.count)"))
      }
      return (record.line, row)
    }
  }
}
