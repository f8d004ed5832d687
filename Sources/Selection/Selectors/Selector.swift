import Serving

/// A way to foresee costs in a context: the seam between what is learned and what is decided with it.
///
/// Contract (tests run it over every selector of the catalogue):
/// - Equal tables give equal answers, and a row's answer does not depend on the other rows or on their order.
/// - The default's ratio is exactly 0, certain.
/// - It never answers NaN or infinity; what it does not know it says with a large variance, or with nil.
public protocol Selector: Sendable {
  /// Costs of some rows of a table, row 0 being the engine's default.
  ///
  /// - Returns: nil when it knows nothing about this context.
  func foresee(_ table: ContextTable, _ metric: CostMetric, rows: [Int]) -> Foresight?

  /// The same for several tables, for a selector to which one large question is cheaper than many small ones.
  ///
  /// - Returns: for each of `asked`, in order, what `foresee` would say of it alone.
  func foresee(_ asked: [TableRows], _ metric: CostMetric) -> [Foresight?]
}

extension Selector {
  public func foresee(_ asked: [TableRows], _ metric: CostMetric) -> [Foresight?] {
    asked.map { foresee($0.table, metric, rows: $0.rows) }
  }
}

/// Some rows of a context's table, whose costs are asked for.
public struct TableRows: Sendable {
  public var table: ContextTable
  public var rows: [Int]

  public init(table: ContextTable, rows: [Int]) {
    self.table = table
    self.rows = rows
  }
}

/// What a selector foresees, as logarithms.
public struct Foresight: Sendable {
  /// The default's cost.
  public var level: LogEstimate
  /// For each row asked for, its cost over the default's: below 0 is better.
  public var ratios: [LogEstimate]
  /// Whether measurements stand behind it. Without, it says what to measure first and never what to use.
  public var isInformed: Bool
  /// Where it comes from, for people.
  public var source: String
  /// What makes the intervals of whole costs hold what they promise.
  public var costFactors: CostFactors
  /// How much of the ratios' variance is an error common to all of them, 0...1.
  public var commonShare: Double

  public init(
    level: LogEstimate, ratios: [LogEstimate], isInformed: Bool, source: String, costFactors: CostFactors = .none,
    commonShare: Double = 0
  ) {
    self.level = level
    self.ratios = ratios
    self.isInformed = isInformed
    self.source = source
    self.costFactors = costFactors
    self.commonShare = commonShare
  }
}

/// What the deviation of a candidate's cost is multiplied by, after level, ratio and evidence were put together: those
/// who calibrated on unseen contexts know better than a sum of independent errors does.
public struct CostFactors: Hashable, Sendable {
  /// For a candidate that was not measured in the context, and for one that was.
  public var unmeasured: Double
  public var measured: Double

  public static let none = CostFactors(unmeasured: 1, measured: 1)

  public init(unmeasured: Double, measured: Double) {
    self.unmeasured = unmeasured
    self.measured = measured
  }
}
