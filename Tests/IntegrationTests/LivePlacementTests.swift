import Foundation
import History
import Testing

/// A model made by `apus model synthesize`.
private let moeModel: String? = Program.engineDirectory.map {
  ($0 as NSString).deletingLastPathComponent + "/models/moe-q8_0.gguf"
}.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }

/// Placements measured by the workers of a coordinator, as real processes on one machine.
@Suite(
  "Live placements", .enabled(if: moeModel != nil, "there is no .apus/models/moe-q8_0.gguf: run apus model synthesize"),
  .timeLimit(.minutes(10)))
struct LivePlacementTests {
  private static let benchmark = ["placement", "benchmark", "--live", "--layers", "1", "--batch", "8"]

  private static func withWorkers(_ body: (TestCluster, _ model: String) async throws -> Void) async throws {
    let path = try #require(moeModel)
    try await withCluster(workers: ["one", "two"]) { cluster in
      let added = try await cluster.run(["model", "add", path, "--json"])
      let name = try #require(added.json?["name"] as? String, "\(added)")
      try await cluster.startCoordinator()
      for worker in ["one", "two"] { try await cluster.startWorker(worker) }
      try await body(cluster, name)
    }
  }

  /// What is measured is printed, stored and learned from; the workers are free afterwards, for jobs too.
  @Test func measuresOnWorkers() async throws {
    try await Self.withWorkers { cluster, model in
      let output = try await cluster.run(
        Self.benchmark + ["--model", model, "--worker", "two", "--worker", "one", "--rounds", "2", "--json"])
      #expect(output.status == 0, "\(output)")
      let rows = output.json?["placements"] as? [[String: Any]] ?? []
      #expect(rows.count == 2)
      #expect(rows.first?["strategy"] as? String == "linear")
      for row in rows {
        #expect((row["relative_difference"] as? Double ?? 0) < 1e-3)
        let links = row["links"] as? [[String: Any]] ?? []
        #expect(links.compactMap { $0["host"] as? String } == ["two", "one"])
      }
      #expect((output.json?["races"] as? [Any])?.count == 1)
      try await cluster.wait(for: "the workers to be free") {
        try await cluster.leases().values.allSatisfy { $0 == 0 }
      }
      let history = cluster.state + "/history.sqlite"
      let store = try SQLiteHistoryStore(path: history)
      let stored = try await store.placements(model: nil)
      await store.close()
      #expect(stored.filter { $0.figures?.move != nil }.map(\.strategy) == rows.map { $0["strategy"] as? String })
      #expect(stored.allSatisfy { $0.hub.rawValue == "two" && $0.foreseen != nil })
      let counts = cluster.state + "/counts.csv"
      try "5,3,1,1\n".write(toFile: counts, atomically: true, encoding: .utf8)
      let ranked = try await Program.run([
        "placement", "recommend", "--load", counts, "--hosts", "2", "--history", history, "--json",
      ])
      #expect(ranked.status == 0, "\(ranked)")
      #expect(ranked.json?["learned_problems"] as? Int == 0, "two problems teach nothing yet")
    }
  }

  /// A worker that is killed in the middle: one clear error, and the other one is free for the next trial.
  @Test func livesThroughAKilledWorker() async throws {
    try await Self.withWorkers { cluster, model in
      let running = try cluster.start(
        "benchmark", Self.benchmark + ["--model", model, "--strategies", "linear", "--rounds", "10000"])
      try await cluster.wait(for: "the first plan", running) { running.standardError.contains("measuring linear") }
      try await cluster.kill("two")
      let output = await running.output()
      #expect(output.status == 69, "\(output)")
      #expect(output.standardError.contains("two"), "\(output)")
      try await cluster.wait(for: "one to be free") { try await cluster.leases()["one"] == 0 }
      let alone = try await cluster.run(
        Self.benchmark + ["--model", model, "--worker", "one", "--rounds", "1", "--json"])
      #expect(alone.status == 0, "\(alone)")
      let named = try await cluster.run(Self.benchmark + ["--model", model, "--worker", "two"])
      #expect(named.status == 69)
    }
  }
}
