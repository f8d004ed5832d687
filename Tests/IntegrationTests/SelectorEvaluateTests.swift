import Foundation
import Testing

@Suite("`apus selector evaluate` scores selectors on other people's measurements")
struct SelectorEvaluateTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/apus-evaluate-\(UUID().uuidString)"

  private func write(_ name: String, _ text: String) throws -> String {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
    return folder + "/" + name
  }

  private static let options = [
    "--instance", "model", "--algorithm", "engine", "--cost", "speed", "--maximize", "--json",
  ]

  @Test("A table gives the agreed keys, and the best rule finds a rule")
  func table() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rows = (0..<12).flatMap { number in
      let isLarge = number >= 6
      return [
        "m\(number),\(isLarge ? 70 : 7),x,\(isLarge ? 8 : 10)", "m\(number),\(isLarge ? 70 : 7),y,\(isLarge ? 10 : 5)",
      ]
    }
    let path = try write("t.csv", (["model,size,engine,speed"] + rows).joined(separator: "\n"))
    let marked = try write("marked.csv", "\u{FEFF}" + String(contentsOfFile: path, encoding: .utf8))
    let output = try await Program.run(
      [
        "selector", "evaluate", "--table", marked, "--folds", "3", "--seeds", "2", "--selectors",
        "single-best,best-rule",
      ]
        + Self.options)
    #expect(output.status == 0, "\(output)")
    let json = try #require(output.json, "\(output)")
    #expect(json["contexts"] as? Int == 12)
    #expect(json["default_selector"] as? String == "ensemble")
    let selectors = try #require(json["selectors"] as? [[String: Any]])
    #expect(selectors.map { $0["name"] as? String } == ["single-best", "best-rule"])
    #expect(selectors[1]["achieved_over_best_mean"] as? Double == 1, "\(output)")
    #expect(selectors[1]["closed_gap_sbs"] as? Double == 1, "\(output)")
    #expect(selectors[0]["worse_than_sbs_5pct_share"] as? Double == 0, "\(output)")
  }

  @Test("The list of selectors has those for serving, for tables and for streams, with one default each")
  func show() async throws {
    let output = try await Program.run(["selector", "show", "--state", folder, "--json"])
    #expect(output.status == 0, "\(output)")
    let json = try #require(output.json, "\(output)")
    let selectors = try #require(json["selectors"] as? [[String: Any]])
    for (use, name) in [("serving", "boosted-trees"), ("table", "ensemble"), ("online", "forest-thompson")] {
      let own = selectors.filter { $0["use"] as? String == use }
      #expect(own.filter { $0["is_default"] as? Bool == true }.map { $0["name"] as? String } == [name])
      #expect(own.count >= 3 && own.allSatisfy { ($0["summary"] as? String)?.isEmpty == false })
    }
    #expect(json["model_path"] is NSNull)
  }

  @Test("A wrong line ends with status 65 and its number; wrong options with 64")
  func refusals() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let torn = try write("torn.csv", "model,engine,speed\nm,x,1\nm,y\n")
    let output = try await Program.run(["selector", "evaluate", "--table", torn] + Self.options)
    #expect(output.status == 65, "\(output)")
    #expect(output.standardError.contains("line 3"), "\(output)")
    let missing = try await Program.run(["selector", "evaluate", "--aslib", folder + "/no-such-scenario"])
    #expect(missing.status == 65 && missing.standardError.contains("description.txt"), "\(missing)")
    let bare = try await Program.run(["selector", "evaluate"])
    #expect(bare.status == 64, "\(bare)")
    let half = try await Program.run(["selector", "evaluate", "--table", torn, "--cost", "speed"])
    #expect(half.status == 64 && half.standardError.contains("--instance"), "\(half)")
  }
}
