public import Serving

/// Reads measurements of others into a history.
public enum HistoryImport {
  /// What an import did.
  public struct Summary: Hashable, Sendable {
    /// Measurements that are new in the history.
    public var importedCount = 0
    /// Measurements whose id was there already; those stay as they were.
    public var knownCount = 0
    /// Rows left out, in order.
    public var problems: [ImportProblem] = []
    /// Columns that mean nothing to Apus.
    public var ignoredColumns: [String] = []
  }

  /// With more wrong rows than this a file is refused in any case.
  public static let problemLimit = 10_000
  private static let appendLength = 500
  /// Before the processor of hardware that is none of this cluster's.
  static let hardwareMark = "imported: "

  /// Reads measurements from a file; their source becomes `imported`, and an id that is stored already changes nothing.
  ///
  /// - Parameters:
  ///   - skippingWrongRows: False refuses the whole file, before anything is stored, when a row is wrong; true leaves
  ///     wrong rows out and reports them.
  ///   - isRestoring: The file is this cluster's own export, so its measurements count as made on the hardware they
  ///     name. Otherwise that hardware is marked, and equals none that a worker of this cluster announces: what others
  ///     measured teaches the selector, but never counts as measured here.
  /// - Throws: `badInput` for a file that is refused, naming lines and reasons; `disk` when it cannot be read; or what
  ///   the store throws.
  @concurrent
  public static func importFile(
    _ path: String, as importer: any MeasurementImporter, _ facts: StatedFacts = StatedFacts(),
    into store: any HistoryStore, skippingWrongRows: Bool = false, isRestoring: Bool = false
  ) async throws(ApusError) -> Summary {
    if !skippingWrongRows {
      var problems: [ImportProblem] = []
      var source = try importer.open(path, facts)
      while let entry = try source.next() {
        if case .failure(let problem) = entry { problems.append(problem) }
        if problems.count >= problemLimit { break }
      }
      if !problems.isEmpty { throw refusal(path, problems) }
    }
    var summary = Summary()
    var source = try importer.open(path, facts)
    summary.ignoredColumns = source.ignoredColumns
    var batch: [Measurement] = []
    while let entry = try source.next() {
      switch entry {
      case .success(var measurement):
        if !isRestoring { mark(&measurement.hardware) }
        batch.append(measurement)
      case .failure(let problem): summary.problems.append(problem)
      }
      // Without skipping this happens only when the file changed since it was checked.
      if summary.problems.count > (skippingWrongRows ? problemLimit : 0) { throw refusal(path, summary.problems) }
      if batch.count >= appendLength { try await append(&batch, to: store, &summary) }
    }
    try await append(&batch, to: store, &summary)
    return summary
  }

  private static func mark(_ hardware: inout HardwareProfile) {
    // An export of imported measurements is marked already.
    if !hardware.processor.hasPrefix(hardwareMark) { hardware.processor = hardwareMark + hardware.processor }
  }

  private static func append(
    _ batch: inout [Measurement], to store: any HistoryStore, _ summary: inout Summary
  ) async throws(ApusError) {
    var known = 0
    for measurement in batch where try await store.measurement(measurement.id) != nil { known += 1 }
    try await store.append(batch.map { .measurement($0) })
    summary.knownCount += known
    summary.importedCount += batch.count - known
    batch.removeAll(keepingCapacity: true)
  }

  private static func refusal(_ path: String, _ problems: [ImportProblem]) -> ApusError {
    let shown = problems.prefix(10).map { "line \($0.line): \($0.reason)" }.joined(separator: "\n  ")
    let more = problems.count > 10 ? "\n  ... and \(problems.count - 10) more" : ""
    return ApusError(
      .badInput, "\(path) has \(problems.count) wrong lines\n  \(shown)\(more)",
      advice: "mend them (tidy CSV: as Schemas/measurement.csv.md says), or leave them out with --skip-wrong-rows")
  }
}
