import Foundation
import Testing

/// `apus placement profile` on loads of two tasks.
@Suite("Placement profiles", .timeLimit(.minutes(20)))
struct PlacementProfileTests {
  private static func withLoads(_ body: (_ folder: String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/apus-profiles-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, load) in [("one", "9,1,1,1,1,1"), ("other", "1,1,1,1,1,9"), ("small", "1,2")] {
      try (load + "\n").write(toFile: "\(folder)/\(name).csv", atomically: true, encoding: .utf8)
    }
    try await body(folder)
  }

  /// Old observations fade; each task's plan is told for every task; the profiles are loads that plans are made from.
  @Test func comparesPlansOverTasks() async throws {
    try await Self.withLoads { folder in
      let output = try await Program.run([
        "placement", "profile", "chat=\(folder)/one.csv", "code=\(folder)/other.csv", "chat=\(folder)/one.csv",
        "--decay",
        "0.5", "--hosts", "3", "--output", "\(folder)/profiles", "--json",
      ])
      #expect(output.status == 0, "\(output)")
      let tasks = output.json?["tasks"] as? [[String: Any]] ?? []
      #expect(tasks.map { $0["task"] as? String } == ["chat", "code"])
      #expect(tasks.map { $0["tokens"] as? Double } == [14 * 0.5 + 14, 14])
      for task in tasks {
        let name = try #require(task["task"] as? String)
        let values = try #require(task["balancedness_mean"] as? [String: Double])
        #expect(Set(values.keys) == ["chat", "code"])
        #expect(values.values.allSatisfy { $0 > 0 && $0 <= values[name]! }, "\(name): none is better than its own")
      }
      let text = try String(contentsOfFile: "\(folder)/profiles/chat.csv", encoding: .utf8)
      #expect(text == "13.5,1.5,1.5,1.5,1.5,1.5\n")
      let planned = try await Program.run([
        "placement", "plan", "--strategy", "lpt", "--load", "\(folder)/profiles/chat.csv", "--hosts", "3", "--json",
      ])
      #expect(planned.status == 0, "\(planned)")
    }
  }

  @Test(arguments: [
    (["chat"], "chat is not TASK=RECORDING"), (["a/b=FOLDER/one.csv"], "is not TASK=RECORDING"),
    (["a=FOLDER/one.csv", "a=FOLDER/small.csv"], "profile of a"),
    (["a=FOLDER/one.csv", "b=FOLDER/small.csv"], "profile one model"),
    (["a=FOLDER/none.csv"], "none.csv"), (["a=FOLDER/one.csv", "--decay", "2"], "--decay 2"),
  ])
  func refusesWhatCannotBe(arguments: [String], words: String) async throws {
    try await Self.withLoads { folder in
      let given = arguments.map { $0.replacingOccurrences(of: "FOLDER", with: folder) }
      let output = try await Program.run(["placement", "profile"] + given)
      #expect(output.status == 64 || output.status == 65, "\(output)")
      #expect(output.standardError.contains(words), "\(output)")
    }
  }
}
