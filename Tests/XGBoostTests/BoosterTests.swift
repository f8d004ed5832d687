import Testing
import XGBoost

@Suite("Boosted trees learn, come back from bytes and refuse what is broken")
struct BoosterTests {
  /// y = 3 where x > 0.5, else 1, with a second column that says nothing and is often missing.
  static func trained(rounds: Int = 40) throws -> (Booster, [Float]) {
    let rows = 200
    var values: [Float] = []
    var labels: [Float] = []
    for row in 0..<rows {
      let x = Float(row) / Float(rows)
      values += [x, row.isMultiple(of: 3) ? .nan : Float(row % 7)]
      labels.append(x > 0.5 ? 3 : 1)
    }
    let matrix = try DataMatrix(values: values, columnCount: 2, labels: labels)
    let booster = try Booster(
      training: matrix,
      parameters: [
        ("nthread", "1"), ("max_depth", "2"), ("tree_method", "hist"), ("verbosity", "0"),
      ])
    try booster.train(matrix, rounds: rounds)
    return (booster, values)
  }

  @Test("A step function is learned, and missing values are predicted too")
  func learns() throws {
    let predictor = try TreePredictor(Self.trained().0.save(), columnCount: 2)
    let predictions = try predictor.predict([0.1, 2, 0.9, 2, 0.9, .nan])
    #expect(abs(predictions[0] - 1) < 0.05)
    #expect(abs(predictions[1] - 3) < 0.05)
    #expect(abs(predictions[2] - 3) < 0.05)
  }

  @Test("Weights decide between contradicting labels")
  func weights() throws {
    let matrix = try DataMatrix(
      values: [1, 1], columnCount: 1, labels: [0, 10], weights: [1, 99])
    let booster = try Booster(
      training: matrix,
      parameters: [("nthread", "1"), ("lambda", "0"), ("base_score", "0"), ("verbosity", "0")])
    try booster.train(matrix, rounds: 60)
    #expect(try TreePredictor(booster.save(), columnCount: 1).predict([1])[0] > 9)
  }

  @Test("Contributions add up to the prediction, and a column that says nothing adds next to nothing")
  func contributions() throws {
    let (booster, values) = try Self.trained()
    let bytes = try booster.save()
    let predictions = try TreePredictor(bytes, columnCount: 2).predict(values)
    let contributions = try TreeExplainer(bytes, columnCount: 2).contributions(values)
    #expect(contributions.count == predictions.count)
    for (parts, prediction) in zip(contributions, predictions) {
      #expect(abs(parts.reduce(0, +) - prediction) < 1e-4)
      #expect(abs(parts[0]) > 0.5 && abs(parts[1]) < 0.1)
    }
    #expect(throws: XGBoostError.self) { try TreeExplainer(bytes, columnCount: 3) }
  }

  @Test("The same predictor gives the same answers to several threads at once")
  func threads() async throws {
    let (booster, values) = try Self.trained()
    let predictor = try TreePredictor(booster.save(), columnCount: 2)
    let expected = try predictor.predict(values)
    let mismatches = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<200).count { _ in (try? predictor.predict(values)) != expected }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(mismatches == 0)
  }

  @Test("Bytes that are no model, or one for other columns, are refused with the library's reason")
  func refusals() throws {
    let bytes = try Self.trained(rounds: 3).0.save()
    for broken in [
      [], [1, 2, 3], Array(bytes.prefix(bytes.count / 2)), Array("{\"learner\":{}}".utf8),
    ] {
      let error = #expect(throws: XGBoostError.self) { try TreePredictor(broken, columnCount: 2) }
      #expect(error?.message.isEmpty == false)
    }
    let error = #expect(throws: XGBoostError.self) { try TreePredictor(bytes, columnCount: 3) }
    #expect(error?.message.contains("2 columns, not 3") == true)
  }

  @Test("A parameter out of range is refused by name")
  func parameter() throws {
    let matrix = try DataMatrix(values: [1, 2], columnCount: 1, labels: [0, 1])
    let booster = try Booster(
      training: matrix, parameters: [("nthread", "1"), ("max_depth", "-3"), ("verbosity", "0")])
    let error = #expect(throws: XGBoostError.self) { try booster.train(matrix, rounds: 1) }
    #expect(error?.message.contains("max_depth") == true)
  }
}
