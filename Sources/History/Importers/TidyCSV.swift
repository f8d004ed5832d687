import Serving

/// Apus's own format, which `MeasurementCSV` writes.
struct TidyCSV: MeasurementImporter {
  let name = "tidy"
  let summary = "CSV as Schemas/measurement.csv.md describes it, such as `apus history export` writes"

  func recognizes(_ beginning: String) -> Bool {
    let columns = Set((beginning.split(whereSeparator: \.isNewline).first ?? "").split(separator: ","))
    return ["id", "engine", "outcome", "workload_name"].allSatisfy { columns.contains($0) }
  }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    guard facts == StatedFacts() else {
      throw ApusError(
        .usage, "tidy CSV says its hardware, model, engine and knobs itself",
        advice: "leave out what you stated of them")
    }
    return try MeasurementSourceFile(path)
  }
}

/// Gives the measurements of a CSV file one by one, reading it piece by piece.
private struct MeasurementSourceFile: ImportSource {
  /// Longest file, in lines with a measurement.
  private static let lineLimit = 5_000_000
  private let name: String
  private let path: String
  private let file: ImportFile
  private var reader = CSVReader()
  private var pending: ArraySlice<CSVRecord> = []
  private var isAtEnd = false
  private var header: [String] = []
  private var lineByID: [MeasurementID: Int] = [:]
  private(set) var ignoredColumns: [String] = []

  /// Opens the file and reads its header.
  init(_ path: String) throws(ApusError) {
    self.path = path
    name = String(path.split(separator: "/").last ?? "file")
    file = try ImportFile(path)
    try readHeader()
  }

  /// The next measurement or what is wrong with its line; nil at the end.
  mutating func next() throws(ApusError) -> Result<Measurement, ImportProblem>? {
    guard let record = try nextRecord() else { return nil }
    do {
      let fields = try record.fields.get()
      guard fields.count == header.count else {
        throw RowFault("\(fields.count) fields, but the header has \(header.count)")
      }
      let measurement = try MeasurementLine(header: header, fields: fields, file: name).measurement()
      if let first = lineByID[measurement.id] { throw RowFault("id \(measurement.id) is that of line \(first), too") }
      guard lineByID.count < Self.lineLimit else {
        throw ApusError(.badInput, "\(path) has more than \(Self.lineLimit) lines", advice: "split it")
      }
      lineByID[measurement.id] = record.line
      return .success(measurement)
    } catch let fault as RowFault {
      return .failure(ImportProblem(line: record.line, reason: fault.reason))
    } catch let error as ApusError {
      throw error
    } catch {
      preconditionFailure("a line is wrong in a way nobody foresaw: \(error)")
    }
  }

  private mutating func readHeader() throws(ApusError) {
    let advice = "the first line names the columns that Schemas/measurement.csv.md lists"
    guard let record = try nextRecord() else { throw ApusError(.badInput, "\(path) is empty", advice: advice) }
    switch record.fields {
    case .success(let names): header = names
    case .failure(let fault):
      throw ApusError(.badInput, "the first line of \(path) is wrong: \(fault.reason)", advice: advice)
    }
    let repeated = Dictionary(header.map { ($0, 1) }, uniquingKeysWith: +).filter { $0.value > 1 }.keys.sorted()
    guard repeated.isEmpty else {
      throw ApusError(
        .badInput, "\(path) names columns twice: \(repeated.prefix(5).joined(separator: ", "))", advice: advice)
    }
    let missing = MeasurementCSV.columns.filter { $0.isRequired && !header.contains($0.name) }.map(\.name)
    guard missing.isEmpty else {
      throw ApusError(
        .badInput, "\(path) lacks the columns \(missing.joined(separator: ", "))", advice: advice)
    }
    let known = Set(MeasurementCSV.columns.map(\.name))
    ignoredColumns = header.filter { !known.contains($0) }
  }

  private mutating func nextRecord() throws(ApusError) -> CSVRecord? {
    while pending.isEmpty && !isAtEnd {
      let bytes = try file.readPiece()
      if bytes.isEmpty {
        isAtEnd = true
        pending = reader.finish().map { [$0] } ?? []
      } else {
        pending = reader.consume(bytes)[...]
      }
    }
    return pending.popFirst()
  }
}
