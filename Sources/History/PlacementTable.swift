import GRDB
import Serving

/// The rows of `placements`: whole as JSON, with the columns that a person asks for beside it.
enum PlacementTable {
  private static let insertSQL = """
    INSERT INTO placements (id, benchmark_id, model_id, hub, strategy, batch_tokens, started_at_ms, outcome,
      layer_mean_seconds, layer_p50_ms, layer_p99_ms, measurement)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
    """

  /// The first of an id stays.
  static func write(_ measurement: PlacementMeasurement, to db: Database) throws {
    let figures = measurement.figures
    let values: [(any DatabaseValueConvertible)?] = [
      measurement.id.rawValue, measurement.benchmark.rawValue, measurement.model.rawValue, measurement.hub.rawValue,
      measurement.strategy, measurement.batchTokens, measurement.startedAtMS,
      figures == nil ? "failed" : "completed", figures?.meanSeconds, figures?.layer.p50MS, figures?.layer.p99MS,
      StoredJSON.text(measurement),
    ]
    try db.cachedStatement(sql: insertSQL).execute(arguments: StatementArguments(values))
  }

  /// - Parameter model: nil for all.
  static func read(model: ModelID?, in db: Database) throws -> [PlacementMeasurement] {
    let order = "ORDER BY row"
    let texts =
      if let model {
        try String.fetchAll(
          db, sql: "SELECT measurement FROM placements WHERE model_id = ? \(order)", arguments: [model.rawValue])
      } else {
        try String.fetchAll(db, sql: "SELECT measurement FROM placements \(order)")
      }
    return try texts.map { try StoredJSON.value(PlacementMeasurement.self, $0) }
  }

  /// - Throws: `HistoryFault.damaged` when there is no such row or it means nothing.
  static func read(row: Int64, in db: Database) throws -> PlacementMeasurement {
    guard let text = try String.fetchOne(db, sql: "SELECT measurement FROM placements WHERE row = ?", arguments: [row])
    else { throw HistoryFault.damaged("row \(row) of placements is missing") }
    return try StoredJSON.value(PlacementMeasurement.self, text)
  }

  /// Rows that do not mean anything, in words.
  static func damage(_ db: Database, limit: Int) throws -> [String] {
    var findings: [String] = []
    let rows = try Row.fetchCursor(db, sql: "SELECT id, measurement FROM placements ORDER BY row")
    while findings.count < limit, let row = try rows.next() {
      let (id, text): (String, String) = (row[0], row[1])
      do {
        _ = try StoredJSON.value(PlacementMeasurement.self, text)
      } catch HistoryFault.damaged(let what) {
        findings.append("placement \(id): \(what)")
      }
    }
    return findings
  }
}
