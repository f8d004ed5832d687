import Foundation
import Testing

@testable import Learning

@Suite("ASlib scenarios")
struct ASlibScenarioTests {
  /// Four instances, two algorithms, two feature steps of which one is the default.
  private static let files = [
    "description.txt": """
    scenario_id: TINY
    performance_measures: [runtime]
    maximize: [false]
    performance_type: [runtime]
    algorithm_cutoff_time: 100
    default_steps: [cheap]
    feature_steps:
      cheap:
        provides: [f1]
      dear:
        provides: [f2]
    """,
    "algorithm_runs.arff": """
    @RELATION runs
    @ATTRIBUTE instance_id STRING
    @ATTRIBUTE repetition NUMERIC
    @ATTRIBUTE algorithm STRING
    @ATTRIBUTE runtime NUMERIC
    @ATTRIBUTE runstatus {ok, timeout, memout}
    @DATA
    i1,1,a,1,ok
    i1,1,b,9,ok
    i2,1,a,100,timeout
    i2,1,b,8,ok
    i3,1,a,2,ok
    i3,1,b,30,memout
    i4,1,a,100,timeout
    i4,1,b,100,timeout
    """,
    "feature_values.arff": """
    @RELATION features
    @ATTRIBUTE instance_id STRING
    @ATTRIBUTE repetition NUMERIC
    @ATTRIBUTE f1 NUMERIC
    @ATTRIBUTE f2 NUMERIC
    @DATA
    i1,1,0.5,7
    i2,1,?,7
    i3,1,0.25,7
    i4,1,1,7
    """,
    "feature_costs.arff": """
    @RELATION costs
    @ATTRIBUTE instance_id STRING
    @ATTRIBUTE repetition NUMERIC
    @ATTRIBUTE cheap NUMERIC
    @ATTRIBUTE dear NUMERIC
    @DATA
    i1,1,3,50
    i2,1,?,50
    i3,1,4,50
    i4,1,5,50
    """,
    "cv.arff": """
    @RELATION cv
    @ATTRIBUTE instance_id STRING
    @ATTRIBUTE repetition NUMERIC
    @ATTRIBUTE fold NUMERIC
    @DATA
    i1,1,1
    i2,1,1
    i3,1,2
    i4,1,2
    i1,2,2
    """,
  ]

  private func withScenario<Result>(
    replacing changes: [String: String?] = [:], _ body: (String) throws -> Result
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "aslib-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in Self.files {
      guard let text = changes[name] ?? text else { continue }
      try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
    return try body(folder.path)
  }

  @Test("Costs, failures, folds, and the features and costs of the default steps")
  func reads() throws {
    let scenario = try withScenario { try ASlibScenario(folder: $0) }
    let table = scenario.table
    #expect(scenario.name == "TINY")
    #expect(table.algorithmNames == ["a", "b"])
    #expect(table.losses == [1, 9, 1000, 8, 2, 1000, 1000, 1000])
    #expect(table.instances.columns == ["f1"])
    #expect(table.instances.values[0] == 0.5 && table.instances.values[1].isNaN)
    #expect(table.featureCosts == [3, 0, 4, 5])
    #expect(scenario.folds.assignment == [0, 0, 1, 1])
    #expect(scenario.isSolvable == [true, true, true, false])
  }

  @Test("Normalised PAR10 by hand: the single best of the training folds is 1, unsolvable instances do not count")
  func scores() throws {
    let evaluation = ScenarioEvaluation(try withScenario { try ASlibScenario(folder: $0) })
    // Fold 1 is tested with the single best of i3 and i4, a: (1 + 1000) / 2; the best is (1 + 8) / 2.
    // Fold 2 is tested on i3 with the single best of i1 and i2, b: 1000; the best is 2.
    #expect(evaluation.singleBestLoss == (500.5 + 1000) / 2)
    #expect(evaluation.virtualBestLoss == (4.5 + 2) / 2)
    let score = evaluation.scores([SingleBest()], seeds: [1], threadCount: 1)[0]
    #expect(score.folds == [1, 1])
    #expect(score.mean == 1)
  }

  @Test("A fold whose single best is the best has no score, and is counted")
  func countsUndefinedFolds() throws {
    let runs = try #require(Self.files["algorithm_runs.arff"]).replacing("i2,1,a,100,timeout", with: "i2,1,a,4,ok")
    let evaluation = ScenarioEvaluation(
      try withScenario(replacing: ["algorithm_runs.arff": runs]) { try ASlibScenario(folder: $0) })
    let score = evaluation.scores([SingleBest()], seeds: [1], threadCount: 1)[0]
    #expect(score.folds == [nil, nil])
    #expect(score.undefinedFoldCount == 2)
    #expect(score.mean == nil)
  }

  @Test("A quality scenario without cutoff turns maximised measures round")
  func readsQuality() throws {
    let description = try #require(Self.files["description.txt"])
      .replacing("maximize: [false]", with: "maximize: [true]")
      .replacing("performance_type: [runtime]", with: "performance_type: [solution_quality]")
      .replacing("algorithm_cutoff_time: 100", with: "algorithm_cutoff_time: '?'")
    let scenario = try withScenario(replacing: ["description.txt": description]) { try ASlibScenario(folder: $0) }
    #expect(scenario.table.kind == .highest)
    #expect(scenario.table.losses[0] == -1 && scenario.table.losses[1] == -9)
  }

  @Test(
    "A broken scenario is refused with its file and line",
    arguments: [
      ("cv.arff", "i2,1,1", "i2,1,x", 7, "no number"),
      ("cv.arff", "i2,1,1", "i2,1,0", 7, "fold `0.0`"),
      ("cv.arff", "i2,1,1", "i1,1,1", 7, "two folds"),
      ("algorithm_runs.arff", "i1,1,a,1,ok", "i1,1,a,?,ok", 8, "has no `runtime`"),
      ("algorithm_runs.arff", "i1,1,a,1,ok", "i1,1,a,-1,ok", 8, "run time of -1"),
      ("description.txt", "algorithm_cutoff_time: 100", "algorithm_cutoff_time: '?'", 5, "cutoff"),
      ("description.txt", "default_steps: [cheap]", "default_steps: [other]", 6, "`other`"),
    ])
  func refuses(file: String, old: String, new: String, line: Int, reason: String) throws {
    let text = try #require(Self.files[file]).replacing(old, with: new)
    let error = #expect(throws: LearningError.self) {
      try withScenario(replacing: [file: text]) { try ASlibScenario(folder: $0) }
    }
    #expect(error?.file.hasSuffix(file) == true, "\(String(describing: error))")
    #expect(error?.line == line, "\(String(describing: error))")
    #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
  }

  @Test(
    "The official scenarios have the published single and virtual best",
    .enabled(if: SharedData.has("aslib"), "needs ../shared/data/aslib, copies of coseal/aslib_data"),
    arguments: [
      ("BNSL-2016", 9016.9, 219.9), ("CPMP-2015", 6998.8, 227.6), ("CSP-2010", 1085.5, 107.4),
      ("MAXSAT12-PMS", 2106.8, 41.4), ("QBF-2011", 9166.7, 95.5), ("SAT11-INDU", 8877.6, 416.3),
    ])
  func matchesPublished(name: String, single: Double, virtual: Double) throws {
    let evaluation = ScenarioEvaluation(try ASlibScenario(folder: SharedData.path("aslib/\(name)")))
    #expect(abs(evaluation.singleBestLoss - single) < 0.06)
    #expect(abs(evaluation.virtualBestLoss - virtual) < 0.06)
  }
}
