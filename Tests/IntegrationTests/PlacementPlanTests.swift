import Foundation
import Testing

/// `apus placement` on files: plans that are kept, shown, exported and compared with the load of now.
@Suite("Placement plans as files", .timeLimit(.minutes(20)))
struct PlacementPlanTests {
  /// A folder with a load of 2 layers x 6 experts, one of another model, and a plan for the first on two hosts.
  private static func withPlan(_ body: (_ folder: String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/apus-plans-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, load) in [
      ("load", "60,50,14,13,12,11\n50,60,11,12,13,14"), ("other", "3,2,1,1\n1,1,1,1"), ("short", "9,1,1,1,1,1"),
    ] {
      try (load + "\n").write(toFile: "\(folder)/\(name).csv", atomically: true, encoding: .utf8)
    }
    let output = try await Program.run([
      "placement", "plan", "--strategy", "lpt", "--load", "\(folder)/load.csv", "--hosts", "2", "--output",
      "\(folder)/plan.json", "--json",
    ])
    #expect(output.status == 0, "\(output)")
    try await body(folder)
  }

  private func run(_ arguments: [String], in folder: String) async throws -> Program.Output {
    try await Program.run(["placement"] + arguments.map { $0.replacing("FOLDER", with: folder) })
  }

  /// A plan for another model is refused, with the sizes of both and what to do.
  @Test func anotherModel() async throws {
    try await Self.withPlan { folder in
      let cases: [(arguments: [String], words: String)] = [
        (["show", "FOLDER/plan.json", "--load", "FOLDER/other.csv"], "2 layers x 4 experts, the plan 2 x 6"),
        (["show", "FOLDER/plan.json", "--load", "FOLDER/short.csv"], "1 layers x 6 experts, the plan 2 x 6"),
        (
          ["recommend", "--current", "FOLDER/plan.json", "--load", "FOLDER/other.csv", "--hosts", "2"],
          "the plan in use has 2 layers x 6 experts"
        ),
        (
          ["recommend", "--current", "FOLDER/plan.json", "--load", "FOLDER/load.csv", "--hosts", "3"],
          "the plan is for 2 hosts, the cluster has 3"
        ),
        (
          [
            "plan", "--strategy", "lpt", "--load", "FOLDER/load.csv", "--hosts", "2", "--evaluate",
            "FOLDER/other.csv",
          ], "2 layers x 4 experts, the plan 2 x 6"
        ),
        (["show", "FOLDER/load.csv"], "is not a plan"),
      ]
      for (arguments, words) in cases {
        let output = try await run(arguments, in: folder)
        #expect(output.status == 65 && output.standardOutput.isEmpty, "\(output)")
        #expect(output.standardError.contains(words), "\(output)")
      }
    }
  }

  /// How much memory is missing is said, in experts, and in bytes where their size is known.
  @Test func tooLittleMemory() async throws {
    try await Self.withPlan { folder in
      let cluster = """
        model: {hidden_size: 1024, intermediate_size: 1024, expert_mb: 10.48576, top_k: 2}
        hosts:
          - {name: a, slots: 3, gflop_per_s: 100, memory_gb_per_s: 10}
          - {name: b, slots: 1, gflop_per_s: 100, memory_gb_per_s: 10}
        """
      try cluster.write(toFile: "\(folder)/cluster.yaml", atomically: true, encoding: .utf8)
      for (hosts, words) in [
        (["--hosts", "2", "--slots", "4"], "for 4 of 6 experts in each layer: 2 have no place"),
        (["--cluster", "FOLDER/cluster.yaml"], "2 have no place (40 MiB over all layers)"),
      ] {
        for command in [["plan", "--strategy", "linear"], ["recommend"]] {
          let output = try await run(command + ["--load", "FOLDER/load.csv"] + hosts, in: folder)
          #expect(output.status == 65 && output.standardError.contains(words), "\(output)")
        }
      }
    }
  }

  /// What is planned is shown as it was planned, and says when the load of now is another.
  @Test func showsThePlan() async throws {
    try await Self.withPlan { folder in
      let shown = try await run(["show", "FOLDER/plan.json", "--json"], in: folder)
      #expect(shown.status == 0 && shown.json?["strategy"] as? String == "lpt", "\(shown)")
      #expect((shown.json?["layers"] as? [[String: Any]])?.count == 2)
      #expect(shown.json?["plan_again"] is NSNull)
      try "600,1,1,1,1,1\n1,1,1,1,1,600\n".write(toFile: "\(folder)/now.csv", atomically: true, encoding: .utf8)
      let drifted = try await run(["show", "FOLDER/plan.json", "--load", "FOLDER/now.csv"], in: folder)
      #expect(drifted.status == 0, "\(drifted)")
      #expect(drifted.standardOutput.contains("plan again: the load has drifted"), "\(drifted)")
    }
  }
}
