public import Serving

extension MeasurementCSV {
  /// Measurements read from the store at once.
  private static let pageLength = 500

  /// Writes all measurements, without their raw samples, in the order stored.
  ///
  /// - Parameter path: As `OutputFile` takes it; `-` for standard output.
  /// - Returns: The number of measurements written.
  /// - Throws: `disk` when the file cannot be written, or what the store throws.
  @concurrent
  public static func export(_ store: any HistoryStore, to path: String) async throws(ApusError) -> Int {
    let output = try OutputFile(path)
    try output.write(header)
    var filter = MeasurementFilter(limit: pageLength)
    var count = 0
    while true {
      let page = try await store.measurements(filter, includingSamples: false)
      guard let last = page.last else { break }
      try output.write(page.map { line($0.measurement) }.joined())
      count += page.count
      filter.afterRow = last.row
    }
    try output.commit()
    return count
  }

  static var header: String { CSVWriter.record(columns.map(\.name)) }

  static func line(_ measurement: Measurement) -> String { CSVWriter.record(columns.map { $0.text(measurement) }) }
}
