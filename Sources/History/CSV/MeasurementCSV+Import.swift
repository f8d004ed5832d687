import Glibc
public import Serving

extension MeasurementCSV {
  /// What an import did.
  public struct ImportResult: Hashable, Sendable {
    /// Measurements that are new in the history.
    public var importedCount = 0
    /// Measurements whose id was there already; those stay as they were.
    public var knownCount = 0
    /// Lines left out, in order.
    public var problems: [ImportProblem] = []
    /// Columns that mean nothing to Apus.
    public var ignoredColumns: [String] = []
  }

  /// A line that says no measurement.
  public struct ImportProblem: Error, Hashable, Sendable {
    /// From 1; the header is line 1.
    public var line: Int
    public var reason: String
  }

  /// With more wrong lines than this a file is refused in any case.
  public static let problemLimit = 10_000
  /// Longest file that is read, in lines with a measurement.
  public static let lineLimit = 5_000_000
  private static let appendLength = 500

  /// Reads measurements from a file; their source becomes `imported`, and an id that is stored already changes nothing.
  ///
  /// - Parameters:
  ///   - path: A file as Schemas/measurement.csv.md describes it.
  ///   - skippingWrongRows: False refuses the whole file, before anything is stored, when a line is wrong; true leaves
  ///     wrong lines out and reports them.
  /// - Throws: `badInput` for a file that is refused, naming lines and reasons; `disk` when it cannot be read; or what
  ///   the store throws.
  @concurrent
  public static func importFile(
    _ path: String, into store: any HistoryStore, skippingWrongRows: Bool = false
  ) async throws(ApusError) -> ImportResult {
    if !skippingWrongRows {
      var problems: [ImportProblem] = []
      var source = try MeasurementSourceFile(path)
      while let entry = try source.next() {
        if case .failure(let problem) = entry { problems.append(problem) }
        if problems.count >= problemLimit { break }
      }
      if !problems.isEmpty { throw refusal(path, problems) }
    }
    var result = ImportResult()
    var source = try MeasurementSourceFile(path)
    result.ignoredColumns = source.ignoredColumns
    var batch: [Measurement] = []
    while let entry = try source.next() {
      switch entry {
      case .success(let measurement): batch.append(measurement)
      case .failure(let problem): result.problems.append(problem)
      }
      // Without skipping this happens only when the file changed since it was checked.
      if result.problems.count > (skippingWrongRows ? problemLimit : 0) { throw refusal(path, result.problems) }
      if batch.count >= appendLength { try await append(&batch, to: store, &result) }
    }
    try await append(&batch, to: store, &result)
    return result
  }

  private static func append(
    _ batch: inout [Measurement], to store: any HistoryStore, _ result: inout ImportResult
  ) async throws(ApusError) {
    var known = 0
    for measurement in batch where try await store.measurement(measurement.id) != nil { known += 1 }
    try await store.append(batch.map { .measurement($0) })
    result.knownCount += known
    result.importedCount += batch.count - known
    batch.removeAll(keepingCapacity: true)
  }

  private static func refusal(_ path: String, _ problems: [ImportProblem]) -> ApusError {
    let shown = problems.prefix(10).map { "line \($0.line): \($0.reason)" }.joined(separator: "\n  ")
    let more = problems.count > 10 ? "\n  ... and \(problems.count - 10) more" : ""
    return ApusError(
      .badInput, "\(path) has \(problems.count) wrong lines\n  \(shown)\(more)",
      advice: "mend them as Schemas/measurement.csv.md says, or leave them out with --skip-wrong-rows")
  }
}

/// Gives the measurements of a CSV file one by one, reading it piece by piece.
private struct MeasurementSourceFile {
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
  mutating func next() throws(ApusError) -> Result<Measurement, MeasurementCSV.ImportProblem>? {
    guard let record = try nextRecord() else { return nil }
    do {
      let fields = try record.fields.get()
      guard fields.count == header.count else {
        throw CSVFault("\(fields.count) fields, but the header has \(header.count)")
      }
      let measurement = try MeasurementLine(header: header, fields: fields, file: name).measurement()
      if let first = lineByID[measurement.id] { throw CSVFault("id \(measurement.id) is that of line \(first), too") }
      guard lineByID.count < MeasurementCSV.lineLimit else {
        throw ApusError(.badInput, "\(path) has more than \(MeasurementCSV.lineLimit) lines", advice: "split it")
      }
      lineByID[measurement.id] = record.line
      return .success(measurement)
    } catch let fault as CSVFault {
      return .failure(MeasurementCSV.ImportProblem(line: record.line, reason: fault.reason))
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

/// A file that is read from its start to its end.
private final class ImportFile {
  private static let pieceBytes = 1 << 16
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws(ApusError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw fault() }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Empty at the end.
  func readPiece() throws(ApusError) -> [UInt8] {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { buffer, filled in
      repeat { count = read(descriptor, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
      filled = max(0, count)
    }
    if count < 0 { throw fault() }
    return bytes
  }

  private func fault() -> ApusError {
    ApusError(
      .disk, "\(path) cannot be read: \(String(cString: strerror(errno)))", advice: "check its name and permissions")
  }
}
