import Foundation

/// Which columns of measurements may be features: those known before anything ran. An outcome changes from run to run;
/// a description is constant within each instance or within each algorithm, and only those are taken.
struct ColumnRoles {
  let instanceFeatures: FeatureMatrix
  let algorithmFeatures: FeatureMatrix
  /// A feature that was asked for and is constant within neither.
  let misfit: String?

  /// - Parameters:
  ///   - rows: the values of the columns for each measurement; `instances` and `algorithms` say what it belongs to.
  ///   - groups: of each instance. A column of names none of which occurs in two groups is left out: of a new group it
  ///     says nothing.
  init(
    columns: [String], rows: [[String]], instances: [Int], instanceCount: Int, algorithms: [Int], algorithmCount: Int,
    schema: TidyTableSchema, groups: [Int]?
  ) {
    var (ofInstances, ofAlgorithms): ([EncodedColumn], [EncodedColumn]) = ([], [])
    var misfit: String?
    for (place, column) in columns.enumerated() where column != schema.cost && column != "status" {
      let isNamed = (schema.instance + schema.algorithm).contains(column)
      if let features = schema.features, !features.contains(column), !isNamed { continue }
      let values = rows.map { $0[place] }
      if Set(values).count < 2 { continue }
      if let known = Self.constant(values, instances, instanceCount) {
        let encoded = EncodedColumn(name: column, values: known)
        if encoded.isCategorical, let groups, encoded.isConfined(to: groups) { continue }
        ofInstances.append(encoded)
      } else if let known = Self.constant(values, algorithms, algorithmCount) {
        ofAlgorithms.append(EncodedColumn(name: column, values: known))
      } else if schema.features?.contains(column) == true {
        misfit = misfit ?? column
      }
    }
    self.misfit = misfit
    instanceFeatures = EncodedColumn.matrix(ofInstances, rowCount: instanceCount)
    algorithmFeatures = EncodedColumn.matrix(ofAlgorithms, rowCount: algorithmCount)
  }

  /// The value of each owner, when it has only one in all its rows; nil also when no owner has two rows, since then
  /// constancy says nothing.
  private static func constant(_ values: [String], _ owners: [Int], _ count: Int) -> [String]? {
    var known = [String?](repeating: nil, count: count)
    var hasTwo = false
    for (value, owner) in zip(values, owners) {
      if let before = known[owner] {
        guard before == value else { return nil }
        hasTwo = true
      }
      known[owner] = value
    }
    return hasTwo ? known.map { $0 ?? "" } : nil
  }
}

/// A column of text as numbers: numbers as they are, names as the place of the name in their order, empty as missing.
struct EncodedColumn {
  let name: String
  let isCategorical: Bool
  let values: [Float]

  init(name: String, values: [String]) {
    self.name = name
    let trimmed = values.map { $0.trimmingCharacters(in: .whitespaces) }
    let numbers = trimmed.map { $0.isEmpty ? Float.nan : Float($0) }
    if numbers.allSatisfy({ $0 != nil }) {
      isCategorical = false
      self.values = numbers.map { $0! }
    } else {
      isCategorical = true
      let levels = Set(trimmed).filter { !$0.isEmpty }.sorted()
      let places = Dictionary(uniqueKeysWithValues: levels.enumerated().map { ($1, Float($0)) })
      self.values = trimmed.map { places[$0] ?? .nan }
    }
  }

  /// Whether no level occurs in two groups.
  func isConfined(to groups: [Int]) -> Bool {
    var group: [Float: Int] = [:]
    for (value, own) in zip(values, groups) where !value.isNaN {
      if group.updateValue(own, forKey: value) ?? own != own { return false }
    }
    return true
  }

  static func matrix(_ columns: [EncodedColumn], rowCount: Int) -> FeatureMatrix {
    FeatureMatrix(
      columns: columns.map(\.name), isCategorical: columns.map(\.isCategorical),
      values: (0..<rowCount).flatMap { row in columns.map { $0.values[row] } }, rowCount: rowCount)
  }
}
