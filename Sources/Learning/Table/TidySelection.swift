import Foundation

/// A tidy table made into one to learn from, and what was left out on the way.
public struct TidySelection: Sendable {
  public let table: SelectionTable
  /// Number of each instance's source, in the order in which the sources were given.
  public let sources: [Int]
  /// Rows whose `status` is there and not `ok`.
  public let failedRowCount: Int
  /// Rows without a cost above zero, or without all of the instance and algorithm columns' files agreeing on them.
  public let uselessRowCount: Int
  /// Instances with too few algorithms.
  public let smallInstanceCount: Int

  /// - Parameter sources: tables with the same columns as far as the schema names them; instances of two sources are
  ///   never the same.
  /// - Throws: columns that are not there, a cost that is no number, a group that is not one for each instance.
  public init(_ sources: [TidyTable], schema: TidyTableSchema) throws(LearningError) {
    guard schema.leastAlgorithms >= 2 else {
      throw LearningError("an instance needs at least 2 algorithms, not \(schema.leastAlgorithms)")
    }
    let columns = sources[0].columns.filter { column in sources.allSatisfy { $0.columns.contains(column) } }
    var cells: [Cell] = []
    var (failed, useless) = (0, 0)
    for (number, source) in sources.enumerated() {
      let reader = try RowReader(source, schema: schema, columns: columns)
      for row in source.rows.indices {
        switch try reader.cell(row, source: number) {
        case .cell(let cell): cells.append(cell)
        case .failed: failed += 1
        case .useless: useless += 1
        }
      }
    }
    failedRowCount = failed
    uselessRowCount = useless
    // Instances in the order of their first rows.
    var (instances, algorithms) = (Numbering(), Numbering())
    let algorithmsOf = Dictionary(grouping: cells, by: \.instance).mapValues { Set($0.map(\.algorithm)).count }
    let kept = cells.filter { algorithmsOf[$0.instance]! >= schema.leastAlgorithms }
    smallInstanceCount = algorithmsOf.values.count { $0 < schema.leastAlgorithms }
    guard !kept.isEmpty else {
      throw LearningError("no instance has \(schema.leastAlgorithms) algorithms with a usable cost")
    }
    var costs: [[Double]] = []
    var places: [(instance: Int, algorithm: Int)] = []
    for cell in kept { places.append((instances.number(cell.instance), algorithms.number(cell.algorithm))) }
    costs = Array(repeating: [], count: instances.count * algorithms.count)
    for (cell, place) in zip(kept, places) {
      costs[place.instance * algorithms.count + place.algorithm].append(cell.cost)
    }
    let groups = try Self.groups(kept, places.map(\.instance), instances.count, schema)
    let roles = ColumnRoles(
      columns: columns, rows: kept.map(\.fields), instances: places.map(\.instance), instanceCount: instances.count,
      algorithms: places.map(\.algorithm), algorithmCount: algorithms.count, schema: schema, groups: groups)
    if let wrong = roles.misfit {
      throw LearningError("feature `\(wrong)` is constant neither within each instance nor within each algorithm")
    }
    table = SelectionTable(
      instances: roles.instanceFeatures, algorithms: roles.algorithmFeatures, algorithmNames: algorithms.names,
      kind: .ratioToBest(isHigherBetter: schema.isHigherBetter),
      costs: costs.map { ASlibScenario.median($0) ?? .nan }, isCensored: costs.map { _ in false }, groups: groups)
    var sourceOf = [Int](repeating: 0, count: instances.count)
    for (cell, place) in zip(kept, places) { sourceOf[place.instance] = cell.source }
    self.sources = sourceOf
  }

  private static func groups(
    _ cells: [Cell], _ instances: [Int], _ count: Int, _ schema: TidyTableSchema
  ) throws(LearningError) -> [Int]? {
    guard let group = schema.group else { return nil }
    var numbering = Numbering()
    var groups = [Int](repeating: -1, count: count)
    for (cell, instance) in zip(cells, instances) {
      let number = numbering.number(cell.group)
      guard groups[instance] < 0 || groups[instance] == number else {
        throw LearningError("an instance has two values of the group column `\(group)`", line: cell.line)
      }
      groups[instance] = number
    }
    return groups
  }

  /// Names in the order in which they first came up.
  private struct Numbering {
    private var numbers: [String: Int] = [:]
    private(set) var names: [String] = []
    var count: Int { names.count }

    mutating func number(_ name: String) -> Int {
      if let number = numbers[name] { return number }
      numbers[name] = names.count
      names.append(name)
      return names.count - 1
    }
  }
}

/// One usable row of a tidy table.
private struct Cell {
  var source: Int
  var line: Int
  var instance: String
  var algorithm: String
  var group: String
  var cost: Double
  /// The values of the columns that all sources share.
  var fields: [String]
}

private struct RowReader {
  enum Outcome {
    case cell(Cell)
    case failed, useless
  }

  let table: TidyTable
  let instance: [Int]
  let algorithm: [Int]
  let cost: Int
  let group: Int?
  let status: Int?
  let fields: [Int]

  init(_ table: TidyTable, schema: TidyTableSchema, columns: [String]) throws(LearningError) {
    self.table = table
    func places(_ names: [String], _ what: String) throws(LearningError) -> [Int] {
      guard !names.isEmpty else { throw LearningError("no \(what) columns named") }
      var places: [Int] = []
      for name in names { places.append(try table.place(name)) }
      return places
    }
    instance = try places(schema.instance, "instance")
    algorithm = try places(schema.algorithm, "algorithm")
    cost = try table.place(schema.cost)
    group = try schema.group.map { name throws(LearningError) in try table.place(name) }
    for feature in schema.features ?? [] { _ = try table.place(feature) }
    status = table.columns.firstIndex(of: "status")
    var fields: [Int] = []
    for column in columns { fields.append(try table.place(column)) }
    self.fields = fields
  }

  func cell(_ row: Int, source: Int) throws(LearningError) -> Outcome {
    let values = table.rows[row]
    if let status, values[status] != "ok" { return .failed }
    let text = values[cost].trimmingCharacters(in: .whitespaces)
    guard !text.isEmpty else { return .useless }
    guard let number = Double(text) else {
      throw LearningError("`\(text.prefix(40))` in `\(table.columns[cost])` is no number", line: table.lines[row])
    }
    // Ratios need positive numbers; a throughput or latency of zero is no measurement.
    guard number > 0, number.isFinite else { return .useless }
    // A separator that no field of a CSV line holds.
    func name(_ places: [Int]) -> String { places.map { values[$0] }.joined(separator: "\u{1F}") }
    return .cell(
      Cell(
        source: source, line: table.lines[row], instance: "\(source)\u{1F}" + name(instance),
        algorithm: name(algorithm), group: group.map { values[$0] } ?? "", cost: number,
        fields: fields.map { values[$0] }))
  }
}
