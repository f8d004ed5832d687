/// Foresees a number for a row of features: the mean of boosted trees and of a forest, which err differently, or one of
/// them alone.
///
/// The core of the learner where rows are what is known, one for each pair of instance and algorithm: on tables that is
/// `BoostedTrees`, in a coordinator the costs of configurations. A value that any thread may ask.
public struct BlendedRegressor: Sendable {
  public enum Member: String, CaseIterable, Sendable {
    case boosted, forest
  }

  public struct Settings: Sendable {
    /// Boosted trees for small noisy tables, shallow and slow: with XGBoost's defaults (depth 6, rate 0.3) a few hundred
    /// rows are learned by heart. Most columns have a handful of values: 64 bins lose nothing against 256.
    var boosting = BoostedRegressor.Settings(
      parameters: [
        ("objective", "reg:squarederror"), ("base_score", "0"), ("max_depth", "4"), ("eta", "0.1"), ("lambda", "1"),
        ("min_child_weight", "1.5"), ("subsample", "0.8"), ("colsample_bytree", "0.8"), ("verbosity", "0"),
        ("tree_method", "hist"), ("max_bin", "64"),
      ], rounds: 100)
    /// Fewer trees and columns than for tables: a training of a history grows some two hundred forests, most of them to
    /// estimate errors.
    var forest = ForestSettings(
      treeCount: 24, columnShare: 0.2, leastLeafRows: 2, isBootstrapped: false, hasRandomCuts: true)
    /// At least one.
    public var members: [Member]

    public init(members: [Member] = Member.allCases) {
      precondition(!members.isEmpty, "a regressor has a member")
      self.members = members
    }
  }

  private let boosted: BoostedRegressor?
  private let forest: Forest?

  /// Blocks its thread. The same rows, settings and seed give the same regressor on any number of threads.
  ///
  /// - Parameter rows: at least one, one of them of a weight above zero.
  public init(training rows: RegressionRows, settings: Settings, _ context: TrainingContext) {
    boosted =
      settings.members.contains(.boosted) ? BoostedRegressor(rows, settings: settings.boosting, context) : nil
    forest =
      settings.members.contains(.forest) ? Self.forest(rows, settings.forest, context) : nil
  }

  /// Rows a forest grows on; its leaves are at least a five-hundredth of them. More rows make trees larger and slower, and
  /// say little more to a mean over random cuts.
  private static let mostForestRows = 8000
  private static let mostLeaves = 500

  private static func forest(
    _ rows: RegressionRows, _ settings: ForestSettings, _ context: TrainingContext
  ) -> Forest {
    let rows = rows.thinned(to: mostForestRows)
    var settings = settings
    settings.leastLeafRows = max(settings.leastLeafRows, rows.count / mostLeaves)
    return Forest(
      BinnedMatrix(
        FeatureMatrix(
          columns: (0..<rows.columnCount).map(String.init), values: rows.values, rowCount: rows.count)),
      targets: rows.targets, outputCount: 1, weights: rows.weights, settings: settings, seed: context.seed,
      threadCount: context.threadCount)
  }

  /// One prediction for each row.
  ///
  /// - Parameter values: row after row, at least one; a NaN is a missing value.
  public func predict(_ values: [Float]) -> [Double] {
    switch (boosted, forest) {
    case (let boosted?, let forest?):
      zip(boosted.predict(values), forest.predict(rows: values)).map { ($0 + Double($1)) / 2 }
    case (let boosted?, nil): boosted.predict(values)
    case (nil, let forest?): forest.predict(rows: values).map { Double($0) }
    case (nil, nil): preconditionFailure("a regressor has a member")
    }
  }

  /// What a prediction is made of: the sum of all.
  public struct Parts: Hashable, Sendable {
    /// What each column added, according to the boosted trees (SHAP values).
    public var columns: [Double]
    /// What every row begins with.
    public var base: Double
    /// By how much the forest moved it.
    public var forest: Double
  }

  /// - Parameter row: one row of features.
  public func parts(_ row: [Float]) -> Parts {
    let prediction = predict(row)[0]
    guard let boosted else {
      return Parts(columns: [Double](repeating: 0, count: row.count), base: 0, forest: prediction)
    }
    let contributions = boosted.contributions(row)
    return Parts(
      columns: contributions.dropLast(), base: contributions.last!,
      forest: forest == nil ? 0 : prediction - boosted.predict(row)[0])
  }

  // MARK: Bytes

  /// The length of the boosted trees (4 bytes, little-endian), those trees, the forest; what is not there is empty.
  public var bytes: [UInt8] {
    let trees = boosted?.bytes ?? []
    return withUnsafeBytes(of: UInt32(trees.count).littleEndian) { Array($0) } + trees + (forest?.bytes ?? [])
  }

  /// - Parameter bytes: as `bytes` was.
  /// - Throws: others, or those of rows of another width.
  public init(bytes: some Collection<UInt8>, columnCount: Int) throws(LearningError) {
    let bytes = Array(bytes)
    guard bytes.count > 4 else { throw LearningError("\(bytes.count) bytes are no regressor") }
    let length = bytes[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= bytes.count - 4 else { throw LearningError("trees end before they should") }
    let (trees, rest) = (Array(bytes[4..<4 + length]), bytes[(4 + length)...])
    do {
      boosted = trees.isEmpty ? nil : try BoostedRegressor(bytes: trees, columnCount: columnCount)
    } catch {
      throw LearningError("boosted trees: \(error)")
    }
    forest = rest.isEmpty ? nil : try Forest(bytes: rest)
    guard forest?.columnCount ?? columnCount == columnCount, forest?.outputCount ?? 1 == 1 else {
      throw LearningError("a forest for \(forest?.columnCount ?? 0) columns, not \(columnCount)")
    }
  }
}
