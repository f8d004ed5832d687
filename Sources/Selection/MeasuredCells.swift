/// Every configuration measured in every context, with what the trees see of it and what it cost: the table that is
/// learned from, and on which errors are estimated.
struct MeasuredCells: Sendable {
  /// A configuration in a context.
  struct Cell: Sendable {
    /// The context's and the configuration's number in the evidence.
    var context: Int32
    var configuration: Int32
    /// Numbers of what errors are grouped by: the kind of machine, and the model in whatever weight type.
    var hardware: Int32
    var model: Int32
    /// The number of the workload's shape.
    var workload: Int32
    /// Whether it is the engine's default.
    var isBaseline: Bool
    /// Row of the default of the same context and engine in `baselineFeatures`.
    var baselineRow: Int32
  }

  /// What a cell cost in one metric, as logarithms; NaN where it is not known.
  struct Costs: Sendable {
    /// What the roofline says of the default's cost, and of the cell's ratio to it.
    var roofline: Float
    var rooflineRatio: Float
    /// Mean over the completed blocks.
    var level = Float.nan
    var levelWeight: Float = 0
    /// Over the default's, failures counted.
    var ratio = Float.nan
    var ratioWeight: Float = 0
    /// Whether it tells of the default's cost only through its foreseen ratio, as the default was not measured.
    var isIndirect = false
  }

  let columnCount: Int
  private(set) var cells: [Cell] = []
  /// Row after row, one for each cell.
  private(set) var features: [Float] = []
  /// One row for each context and engine.
  private(set) var baselineFeatures: [Float] = []
  /// The `EffectKeys` of all cells, by their numbers.
  private(set) var effectKeys: [UInt64] = []
  private var effectNumbers: [UInt64: Int32] = [:]
  /// Numbers of each cell's effects, and where they end.
  private var effects: [Int32] = []
  private var effectEnds: [Int] = []
  /// By `CostMetric.rawValue`, one for each cell.
  private(set) var costs = [[Costs]](repeating: [], count: CostMetric.allCases.count)

  var count: Int { cells.count }

  init(columnCount: Int) { self.columnCount = columnCount }

  /// - Returns: the row's number, for `Cell.baselineRow`.
  mutating func appendBaseline(_ row: ArraySlice<Float>) -> Int32 {
    baselineFeatures += row
    return Int32(baselineFeatures.count / columnCount - 1)
  }

  /// - Parameters:
  ///   - costs: one for each metric.
  ///   - keys: of the effects it has in common with others.
  mutating func append(_ cell: Cell, _ row: ArraySlice<Float>, _ costs: [Costs], effects keys: [UInt64] = []) {
    cells.append(cell)
    features += row
    for key in keys {
      let number = effectNumbers[key] ?? Int32(effectKeys.count)
      if number == effectKeys.count {
        effectNumbers[key] = number
        effectKeys.append(key)
      }
      effects.append(number)
    }
    effectEnds.append(effects.count)
    for (metric, cost) in costs.enumerated() { self.costs[metric].append(cost) }
  }

  /// Numbers of a cell's effects.
  func effects(_ place: Int) -> ArraySlice<Int32> {
    effects[(place == 0 ? 0 : effectEnds[place - 1])..<effectEnds[place]]
  }

  func row(_ place: Int) -> ArraySlice<Float> { features[place * columnCount..<(place + 1) * columnCount] }

  func baselineRow(_ place: Int) -> ArraySlice<Float> {
    let row = Int(cells[place].baselineRow)
    return baselineFeatures[row * columnCount..<(row + 1) * columnCount]
  }
}
