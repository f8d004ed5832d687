import Testing

@testable import Learning

@Suite("Forest")
struct ForestTests {
  private static let plain = ForestSettings(
    treeCount: 20, columnShare: 1, leastLeafRows: 1, isBootstrapped: false, hasRandomCuts: false)

  @Test("A full tree without bootstrap repeats what it was taught, missing values included")
  func learnsByHeart() {
    let matrix = FeatureMatrix(columns: ["x", "y"], values: [1, 0, 2, 0, 3, 1, .nan, 1, .nan, 0], rowCount: 5)
    let targets: [Float] = [1, 10, 2, 20, 3, 30, 7, 70, 9, 90]
    let forest = Forest(
      BinnedMatrix(matrix), targets: targets, outputCount: 2, settings: Self.plain, seed: 1, threadCount: 1)
    for row in 0..<5 {
      let outputs = forest.predict(matrix.row(row))
      #expect(abs(outputs[0] - targets[2 * row]) < 1e-3)
      #expect(abs(outputs[1] - targets[2 * row + 1]) < 1e-2)
    }
  }

  @Test("A step is found by either kind of cut, and a column of noise does not hide it", arguments: [false, true])
  func findsStep(hasRandomCuts: Bool) {
    var random = RandomSource(seed: 3)
    let values = (0..<400).flatMap { _ in [Float(random.unit()), Float(random.unit())] }
    let targets = stride(from: 0, to: 800, by: 2).map { Float(values[$0] > 0.6 ? 5 : 1) }
    var settings = ForestSettings(treeCount: 40)
    settings.hasRandomCuts = hasRandomCuts
    let forest = Forest(
      BinnedMatrix(FeatureMatrix(columns: ["x", "noise"], values: values, rowCount: 400)), targets: targets,
      outputCount: 1, settings: settings, seed: 1, threadCount: 2)
    #expect(forest.predict([0.3, 0.5])[0] < 1.5)
    #expect(forest.predict([0.9, 0.5])[0] > 4.5)
  }

  @Test("The same seed gives the same forest on any number of threads, another seed another one")
  func isReproducible() {
    var random = RandomSource(seed: 9)
    let values = (0..<600).map { _ in Float(random.unit()) }
    let matrix = FeatureMatrix(columns: ["a", "b", "c"], values: values, rowCount: 200)
    let targets = (0..<200).map { values[3 * $0] * values[3 * $0 + 1] }
    func predictions(seed: UInt64, threadCount: Int) -> [Float] {
      let forest = Forest(
        BinnedMatrix(matrix), targets: targets, outputCount: 1, settings: ForestSettings(), seed: seed,
        threadCount: threadCount)
      return (0..<200).map { forest.predict(matrix.row($0))[0] }
    }
    #expect(predictions(seed: 1, threadCount: 1) == predictions(seed: 1, threadCount: 3))
    #expect(predictions(seed: 1, threadCount: 1) != predictions(seed: 2, threadCount: 1))
  }

  @Test("Leaves hold at least the rows they must, and weights count as repeated rows")
  func respectsLeavesAndWeights() {
    let matrix = FeatureMatrix(columns: ["x"], values: [1, 2, 3, 4], rowCount: 4)
    var settings = Self.plain
    settings.leastLeafRows = 2
    let halves = Forest(
      BinnedMatrix(matrix), targets: [0, 0, 8, 10], outputCount: 1, settings: settings, seed: 1, threadCount: 1)
    #expect(halves.predict([4])[0] == 9)
    settings.leastLeafRows = 4
    let whole = Forest(
      BinnedMatrix(matrix), targets: [0, 0, 8, 10], outputCount: 1, weights: [1, 1, 0, 2], settings: settings, seed: 1,
      threadCount: 1)
    #expect(whole.predict([1])[0] == 5)
  }

  @Test("A column's bins keep its order; few distinct values keep their own bins")
  func binsKeepOrder() {
    var random = RandomSource(seed: 5)
    let values = (0..<2000).map { _ in Float(random.normal()) } + [.infinity, -.infinity, .nan]
    let bins = BinnedMatrix(FeatureMatrix(columns: ["x"], values: values, rowCount: values.count))
    let order = values.indices.filter { !values[$0].isNaN }.sorted { values[$0] < values[$1] }
    let codes = order.map { bins.codes[$0] }
    #expect(codes == codes.sorted())
    #expect(bins.codes.last == BinnedMatrix.missing)
    #expect(bins.edges[0].count >= 200 && bins.edges[0].count < BinnedMatrix.mostBins)
    let few = BinnedMatrix(FeatureMatrix(columns: ["x"], values: [3, 1, 3, 2], rowCount: 4))
    #expect(few.codes == [2, 0, 2, 1])
  }
}
