import Testing

@testable import Learning

@Suite("Regressors of rows")
struct BlendedRegressorTests {
  /// A number that two of three columns decide.
  private static func rows(_ count: Int, seed: UInt64 = 1) -> RegressionRows {
    var random = RandomSource(seed: seed)
    var rows = RegressionRows(columnCount: 3)
    for number in 0..<count {
      let row = [Float(random.unit()), Float(random.unit()), number % 7 == 0 ? .nan : Float(random.unit())]
      rows.append(row, target: truth(row) + 0.05 * random.normal(), weight: 1)
    }
    return rows
  }

  private static func truth(_ row: [Float]) -> Double { (row[0] > 0.5 ? 1 : 0) + Double(row[1]) }

  private static func regressor(
    _ members: [BlendedRegressor.Member], _ rows: RegressionRows = rows(300), threadCount: Int = 1
  ) -> BlendedRegressor {
    BlendedRegressor(
      training: rows, settings: BlendedRegressor.Settings(members: members),
      TrainingContext(seed: 1, threadCount: threadCount))
  }

  static let all: [[BlendedRegressor.Member]] = [[.boosted], [.forest], [.boosted, .forest]]

  @Test("A law is found in rows it did not see, and the mean of both lies between them", arguments: all)
  func learns(members: [BlendedRegressor.Member]) {
    let unseen = Self.rows(100, seed: 2)
    let predictions = Self.regressor(members).predict(unseen.values)
    let errors = zip(predictions, unseen.targets).map { abs($0 - Double($1)) }
    // The mean of all is off by 0.5; the forest tries one of the three columns at a split.
    #expect(errors.reduce(0, +) / 100 < (members == [.boosted] ? 0.12 : 0.22))
    let alone = members.map { Self.regressor([$0]).predict(unseen.values) }
    for row in 0..<100 {
      let mean = alone.reduce(0) { $0 + $1[row] } / Double(members.count)
      #expect(abs(predictions[row] - mean) < 1e-6)
    }
  }

  @Test("Written and read it predicts the same, on however many threads it was trained", arguments: all)
  func bytes(members: [BlendedRegressor.Member]) throws {
    let regressor = Self.regressor(members)
    let read = try BlendedRegressor(bytes: regressor.bytes, columnCount: 3)
    let unseen = Self.rows(50, seed: 3).values
    #expect(read.predict(unseen) == regressor.predict(unseen))
    #expect(read.bytes == regressor.bytes)
    #expect(Self.regressor([.forest], threadCount: 3).bytes == Self.regressor([.forest]).bytes)
  }

  @Test("The parts of a prediction add up to it", arguments: all)
  func parts(members: [BlendedRegressor.Member]) {
    let regressor = Self.regressor(members)
    let row: [Float] = [0.8, 0.3, .nan]
    let parts = regressor.parts(row)
    let sum = parts.columns.reduce(parts.base + parts.forest, +)
    #expect(abs(sum - regressor.predict(row)[0]) < 1e-5)
    #expect((parts.forest != 0) == members.contains(.forest))
    if members.contains(.boosted) { #expect(parts.columns[0] > abs(parts.columns[2])) }
  }

  @Test("Bytes that are no regressor, cut ones, and those for other columns are refused")
  func broken() {
    let bytes = Self.regressor([.boosted, .forest]).bytes
    let boostedCount = bytes[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
    var longer = bytes
    longer[3] = 0xff
    var astray = bytes
    // The first root lies outside.
    astray[4 + boostedCount + 22] = 0xff
    for wrong in [[], Array(bytes.prefix(3)), Array(bytes.dropLast(4)), bytes + [0, 0, 0, 0], longer, astray] {
      #expect(throws: LearningError.self) { try BlendedRegressor(bytes: wrong, columnCount: 3) }
    }
    #expect(throws: LearningError.self) { try BlendedRegressor(bytes: bytes, columnCount: 4) }
    #expect(throws: LearningError.self) {
      try BlendedRegressor(bytes: Self.regressor([.forest]).bytes, columnCount: 4)
    }
  }

  @Test("A tree that would never end is refused")
  func endless() throws {
    let nodes = [
      TreeGrower.Node(column: 0, cut: 1, next: 1, isMissingLeft: true),
      TreeGrower.Node(column: 0, cut: 1, next: 0, isMissingLeft: false),
      TreeGrower.Node(column: -1, cut: 0, next: 0, isMissingLeft: false),
    ]
    let forest = Forest(columnCount: 1, outputCount: 1, nodes: nodes, roots: [0], leaves: [1])
    #expect(throws: LearningError.self) { try Forest(bytes: forest.bytes) }
    let leaf = Forest(columnCount: 1, outputCount: 1, nodes: [nodes[2]], roots: [0], leaves: [1])
    #expect(try Forest(bytes: leaf.bytes).predict([5]) == [1])
  }

  @Test("Many rows are thinned evenly")
  func thinned() {
    var rows = RegressionRows(columnCount: 1)
    for number in 0..<10 { rows.append([Float(number)], target: Double(number), weight: Float(number)) }
    let kept = rows.thinned(to: 4)
    #expect(kept.targets == [0, 2, 5, 7] && kept.values == kept.targets && kept.weights == kept.targets)
    #expect(rows.thinned(to: 10).targets == rows.targets)
  }
}
