import GRDB
import Serving

/// The rows of `quality_losses`: beside a measurement's row, where it has one.
enum QualityTable {
  /// In the order in which a row is written and read.
  private enum Column: Int, CaseIterable {
    case positionCount, topAgreement, decisiveMismatchCount, divergence, perplexity, referencePerplexity, probeVersion

    var name: String {
      switch self {
      case .positionCount: "position_count"
      case .topAgreement: "top_agreement"
      case .decisiveMismatchCount: "decisive_mismatch_count"
      case .divergence: "divergence_nats"
      case .perplexity: "perplexity"
      case .referencePerplexity: "reference_perplexity"
      case .probeVersion: "probe_version"
      }
    }
  }

  static let columnCount = Column.allCases.count
  /// For a query that joins the table as `q`.
  static let selectList = Column.allCases.map { "q.\($0.name)" }.joined(separator: ", ")

  private static let insertSQL = """
    INSERT INTO quality_losses (measurement_row, \(Column.allCases.map(\.name).joined(separator: ", ")))
    VALUES (?, \(Column.allCases.map { _ in "?" }.joined(separator: ", ")))
    """

  static func write(_ loss: QualityLoss, of measurementRow: Int64, to db: Database) throws {
    let values: [(any DatabaseValueConvertible)?] =
      [measurementRow]
      + Column.allCases.map { column -> (any DatabaseValueConvertible)? in
        switch column {
        case .positionCount: loss.positionCount
        case .topAgreement: loss.topAgreement
        case .decisiveMismatchCount: loss.decisiveMismatchCount
        case .divergence: loss.divergence
        case .perplexity: loss.perplexity
        case .referencePerplexity: loss.referencePerplexity
        case .probeVersion: loss.probeVersion
        }
      }
    try db.cachedStatement(sql: insertSQL).execute(arguments: StatementArguments(values))
  }

  /// Reads the columns that begin at `first`; nil where the measurement has no row here.
  static func read(_ row: Row, from first: Int) -> QualityLoss? {
    func int(_ column: Column) -> Int? { row[first + column.rawValue] }
    func figure(_ column: Column) -> Double? { row[first + column.rawValue] }
    // NOT NULL in the table, so any of them is nil only where the join found nothing.
    guard let positionCount = int(.positionCount), let topAgreement = figure(.topAgreement),
      let mismatchCount = int(.decisiveMismatchCount), let probeVersion = int(.probeVersion)
    else { return nil }
    return QualityLoss(
      positionCount: positionCount, topAgreement: topAgreement, decisiveMismatchCount: mismatchCount,
      divergence: figure(.divergence), perplexity: figure(.perplexity),
      referencePerplexity: figure(.referencePerplexity), probeVersion: probeVersion)
  }
}
