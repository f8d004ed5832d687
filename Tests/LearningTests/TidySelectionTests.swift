import Testing

@testable import Learning

@Suite("Tidy tables")
struct TidySelectionTests {
  private func table(_ text: String) throws -> TidyTable {
    let lines = text.split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    var table = try TidyTable(columns: lines[0])
    for (place, fields) in lines.dropFirst().enumerated() { try table.append(fields, line: place + 2) }
    return table
  }

  private static let measurements = """
    model,size,engine,devices,status,speed,memory
    m1,7,x,1,ok,10,1
    m1,7,x,1,ok,14,2
    m1,7,y,2,ok,6,3
    m2,70,x,1,ok,3,4
    m2,70,y,2,failed,9,5
    m2,70,z,4,ok,8,6
    m3,7,x,1,ok,,7
    m3,7,y,2,ok,5,8
    """

  private static let schema = TidyTableSchema(
    instance: ["model"], algorithm: ["engine"], cost: "speed", isHigherBetter: true)

  @Test("Repeats take the median, failures and empty costs are counted, lonely instances are left out")
  func builds() throws {
    let selection = try TidySelection([table(Self.measurements)], schema: Self.schema)
    #expect(selection.table.instanceCount == 2)
    #expect(selection.table.algorithmNames == ["x", "y", "z"])
    #expect(selection.table.costs[0] == 12 && selection.table.costs[1] == 6 && selection.table.costs[2].isNaN)
    #expect(selection.table.losses[0] == 0 && selection.table.losses[1] == 0.5)
    #expect(selection.failedRowCount == 1 && selection.uselessRowCount == 1 && selection.smallInstanceCount == 1)
  }

  @Test("Descriptions of instances and algorithms are features, outcomes and the status never")
  func findsFeatures() throws {
    let table = try TidySelection([table(Self.measurements)], schema: Self.schema).table
    #expect(table.instances.columns == ["model", "size"])
    #expect(table.instances.isCategorical == [true, false])
    #expect(table.algorithms.columns == ["engine", "devices"])
    var narrow = Self.schema
    narrow.features = ["devices"]
    let chosen = try TidySelection([self.table(Self.measurements)], schema: narrow).table
    #expect(chosen.instances.columns == ["model"] && chosen.algorithms.columns == ["engine", "devices"])
    narrow.features = ["memory"]
    #expect(throws: LearningError.self) { try TidySelection([self.table(Self.measurements)], schema: narrow) }
  }

  @Test("A name that occurs in one group only is no feature when groups are left out together")
  func dropsConfinedNames() throws {
    var schema = Self.schema
    schema.group = "model"
    let table = try TidySelection([table(Self.measurements)], schema: schema).table
    #expect(table.instances.columns == ["size"])
    #expect(table.groups == [0, 1])
  }

  @Test("What does not fit is refused with its line")
  func refuses() throws {
    let wide = #expect(throws: LearningError.self) { try table("a,b\n1,2\n1,2,3") }
    #expect(wide?.line == 3)
    #expect(throws: LearningError.self) { try table("a,a\n1,2") }
    let text = #expect(throws: LearningError.self) {
      try TidySelection([table("model,engine,speed\nm,x,1\nm,y,fast")], schema: Self.schema)
    }
    #expect(text?.line == 3)
    #expect(text?.reason.contains("`fast`") == true)
    let missing = #expect(throws: LearningError.self) {
      try TidySelection([table("model,engine\nm,x")], schema: Self.schema)
    }
    #expect(missing?.reason.contains("no column `speed`") == true)
    var grouped = Self.schema
    grouped.group = "machine"
    let torn = #expect(throws: LearningError.self) {
      try TidySelection(
        [table("model,engine,machine,speed\nm,x,1,1\nm,y,2,1")], schema: grouped)
    }
    #expect(torn?.reason.contains("two values") == true)
  }

  @Test("Scores by hand: achieved over best, closed gaps, and who is worse than the single best")
  func evaluates() throws {
    // Small models are fastest on x, large ones on y; eight of each, and x wins by more.
    let rows = (0..<16).flatMap { number in
      let isLarge = number >= 8
      return [
        "m\(number),\(isLarge ? 70 : 7),x,\(isLarge ? 8 : 10)", "m\(number),\(isLarge ? 70 : 7),y,\(isLarge ? 10 : 5)",
      ]
    }
    let source = try table((["model,size,engine,speed"] + rows).joined(separator: "\n"))
    var schema = Self.schema
    schema.group = "model"
    let selection = try TidySelection([source], schema: schema)
    let evaluation = try TableEvaluation(selection.table, split: .folds(4))
    let scores = evaluation.scores([SingleBest(), BestRule(), PairwiseForest()], seeds: [1, 2], threadCount: 2)
    // x everywhere: 1 on the small ones, 0.8 on the large ones.
    #expect(abs(scores[0].achievedOverBest - 0.9) < 1e-9)
    #expect(scores[0].closedGapSingleBest == 0 && scores[0].shareWorseThanSingleBest == 0)
    #expect(scores[1].achievedOverBest == 1 && scores[1].closedGapSingleBest == 1 && scores[1].closedGapRule == nil)
    #expect(scores[2].achievedOverBest == 1)
    #expect(evaluation.contextCount == 16)
  }

  @Test("Training on one file and testing on another uses nothing of the other but its descriptions")
  func splitsByFile() throws {
    let one = try table("model,size,engine,speed\na,7,x,10\na,7,y,5\nb,8,x,9\nb,8,y,4")
    let other = try table("model,size,engine,speed\na,7,x,1\na,7,y,2\nc,9,x,1\nc,9,y,2")
    let selection = try TidySelection([one, other], schema: Self.schema)
    #expect(selection.sources == [0, 0, 1, 1])
    let evaluation = try TableEvaluation(selection.table, split: .test([2, 3]))
    // x was best in the first file and achieves half in the second.
    #expect(evaluation.scores([SingleBest()], seeds: [1], threadCount: 1)[0].achievedOverBest == 0.5)
    #expect(evaluation.contextCount == 2)
  }
}
