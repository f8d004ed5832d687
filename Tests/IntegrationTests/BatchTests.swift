import Foundation
import Testing

@Suite("A file of requests in OpenAI's batch format", .serialized)
struct BatchTests {
  /// A chat and its answer: the model counts on from the last number.
  private static func chat(_ id: String, from number: Int, tokens: Int = 3) -> String {
    #"{"custom_id": "\#(id)", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "\#(CountingServer.model)","#
      + #" "messages": [{"role": "user", "content": "t\#(number)"}], "max_tokens": \#(tokens)}}"#
  }

  private static func text(_ id: String, body: String) -> String {
    #"{"custom_id": "\#(id)", "method": "POST", "url": "/v1/completions", "body": {\#(body)}}"#
  }

  private func write(_ lines: [String], _ cluster: TestCluster) throws -> String {
    let path = cluster.state + "/batch.jsonl"
    try lines.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// The results, an object for each line.
  private func results(_ path: String) throws -> [[String: Any]] {
    try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  private func answer(_ result: [String: Any]) -> String? {
    let body = (result["response"] as? [String: Any])?["body"] as? [String: Any]
    let choice = (body?["choices"] as? [[String: Any]])?.first
    return choice?["text"] as? String ?? (choice?["message"] as? [String: Any])?["content"] as? String
  }

  private func complaint(_ result: [String: Any]) -> String? {
    (result["error"] as? [String: Any])?["message"] as? String
  }

  @Test("Good lines are answered, bad ones say why and where, all in the order of the file; --strict runs none")
  func goodAndBad() async throws {
    try await withCountingServer { cluster, _ in
      let model = #""model": "\#(CountingServer.model)""#
      let path = try write(
        [
          Self.chat("a", from: 5),
          Self.text("b", body: model + #", "prompt": "t1 t2", "max_tokens": 2, "top_p": 1, "user": "me""#),
          Self.text("c", body: model + #", "prompt": "t1", "logit_bias": {"5": 1}"#),
          Self.chat("a", from: 9),
          "not JSON",
          "",
          Self.text("f", body: #""model": "unheard-of", "prompt": "t1""#),
          Self.text("g", body: model + #", "prompt": "t7", "seed": 1.5"#),
          Self.text("h", body: model + #", "prompt": "t7", "max_completion_tokens": 4"#),
          #"{"custom_id": "i", "method": "GET", "url": "/v1/completions", "body": {}}"#,
        ], cluster)
      let strict = try await cluster.run(["submit", "--batch", path, "--strict"])
      #expect(strict.status == 65 && strict.standardError.contains("line 3, body.logit_bias"), "\(strict)")
      #expect(try await cluster.jobs().isEmpty, "nothing runs of a strict batch with a bad line")

      let output = try await cluster.run(["submit", "--batch", path, "--json"])
      #expect(output.status == 65, "\(output)")
      #expect(output.json?["line_count"] as? Int == 9 && output.json?["completed_count"] as? Int == 2, "\(output)")
      #expect(output.json?["refused_count"] as? Int == 7 && output.json?["failed_count"] as? Int == 0, "\(output)")
      let results = try results(cluster.state + "/batch.results.jsonl")
      #expect(results.map { $0["custom_id"] as? String } == ["a", "b", "c", "a", nil, "f", "g", "h", "i"])
      #expect(results.map(answer) == [" t6 t7 t8", " t3 t4", nil, nil, nil, nil, nil, nil, nil])
      let complaints = results.map { complaint($0) ?? "" }
      for (place, words) in [
        (2, "line 3, body.logit_bias: logit_bias is not"), (3, "line 4, custom_id: a is that of line 1 too"),
        (4, "line 5: it is no JSON object"), (5, "line 7, body.model: there is no model called unheard-of"),
        (6, "line 8, body.seed: the field seed"), (7, "line 9, body.max_completion_tokens"),
        (8, "line 10, method: it is GET"),
      ] {
        #expect(complaints[place].hasPrefix(words), "\(complaints[place])")
      }
      let first = try #require((results[0]["response"] as? [String: Any]))
      let body = try #require(first["body"] as? [String: Any])
      #expect(first["status_code"] as? Int == 200 && body["object"] as? String == "chat.completion")
      let usage = try #require(body["usage"] as? [String: Int])
      #expect(usage == ["prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4])
      #expect((body["choices"] as? [[String: Any]])?.first?["finish_reason"] as? String == "length")
      #expect(!FileManager.default.fileExists(atPath: cluster.state + "/batch.results.jsonl.partial"))
    }
  }

  @Test("What is no batch is refused: an empty file, a folder, bytes that are not UTF-8")
  func unreadable() async throws {
    try await withCountingServer { cluster, _ in
      let empty = try write(["", " "], cluster)
      let nothing = try await cluster.run(["submit", "--batch", empty])
      #expect(nothing.status == 65 && nothing.standardError.contains("holds no request"), "\(nothing)")
      let folder = try await cluster.run(["submit", "--batch", cluster.state])
      #expect(folder.status == 65 && folder.standardError.contains("regular file"), "\(folder)")
      let bytes = cluster.state + "/latin1.jsonl"
      try (Data("{\"custom_id\": \"".utf8) + [0xE9] + Data("\"}\n".utf8)).write(to: URL(fileURLWithPath: bytes))
      let latin = try await cluster.run(["submit", "--batch", bytes, "--output", cluster.state + "/out"])
      #expect(latin.status == 65 && latin.standardError.contains("line 1: it is not UTF-8 text"), "\(latin)")
      #expect(try results(cluster.state + "/out").count == 1)
    }
  }

  @Test("Killed and run again, a batch goes on: nothing is submitted twice, and no result is lost or out of order")
  func killed() async throws {
    try await withCountingServer(tokenMS: 20) { cluster, _ in
      // As many as are on their way at once take twenty seconds: the batch is not done when it is killed.
      let counts = (0..<24).map { (6..<9).contains($0) ? 1000 : 10 }
      let lines = (0..<24).map { Self.chat("line-\($0)", from: 10 * $0, tokens: counts[$0]) }
      let path = try write(lines, cluster)
      let output = cluster.state + "/out.jsonl"
      let arguments = ["submit", "--batch", path, "--output", output, "--concurrency", "3"]
      let first = try RunningProgram(arguments + ["--state", cluster.state])
      func written() -> Int {
        let data = FileManager.default.contents(atPath: output + ".partial") ?? Data()
        return data.count { $0 == UInt8(ascii: "\n") }
      }
      try await cluster.wait(for: "some results", first) { written() >= 4 }
      first.signal(SIGKILL)
      #expect(await first.output().status == 137)
      #expect(written() < lines.count && !FileManager.default.fileExists(atPath: output))
      // A line that was cut in the middle is written anew.
      let file = try #require(FileHandle(forWritingAtPath: output + ".partial"))
      try file.seekToEnd()
      try file.write(contentsOf: Data(#"{"id":"batch_req_"#.utf8))
      try file.close()

      let second = try await cluster.run(arguments + ["--json"])
      #expect(second.status == 0 && second.json?["completed_count"] as? Int == lines.count, "\(second)")
      #expect((second.json?["resumed_count"] as? Int ?? 0) >= 4, "\(second)")
      let results = try results(output)
      #expect(results.map { $0["custom_id"] as? String } == (0..<24).map { "line-\($0)" })
      let expected = (0..<24).map { line in (1...counts[line]).map { " t\(10 * line + $0)" }.joined() }
      #expect(results.map(answer) == expected)
      #expect(try await cluster.jobs().count == lines.count, "each line was one job")
      // Results of another name: the same jobs answer, and that is said.
      let elsewhere = try await cluster.run([
        "submit", "--batch", path, "--output", output + ".other", "--concurrency", "3", "--json",
      ])
      #expect(elsewhere.status == 0 && elsewhere.json?["reused_count"] as? Int == lines.count, "\(elsewhere)")
      #expect(elsewhere.standardError.contains("by earlier jobs"), "\(elsewhere)")
      // Done already: it only says so.
      let third = try await cluster.run(arguments + ["--json"])
      #expect(third.status == 0 && third.json?["completed_count"] as? Int == lines.count, "\(third)")
      #expect(try await cluster.jobs().count == lines.count)
    }
  }

  @Test("Ctrl-C leaves a batch's jobs; cancel --batch ends them, and --retry-failed makes the results whole")
  func interrupted() async throws {
    // Slow enough that the job that runs is still there when it is cancelled.
    try await withCountingServer(tokenMS: 200, capacity: 1) { cluster, server in
      let lines = (0..<4).map { Self.chat("line-\($0)", from: 10 * $0, tokens: 40) }
      let path = try write(lines, cluster)
      let arguments = ["submit", "--batch", path, "--concurrency", "4"]
      let first = try RunningProgram(arguments + ["--state", cluster.state])
      try await cluster.wait(for: "four jobs, one of them running", first) {
        let states = try await cluster.jobs().compactMap { $0["state"] as? String }
        return states.count == 4 && states.count { $0 == "running" } == 1 && states.contains("queued")
      }
      first.signal(SIGINT)
      let stopped = await first.output()
      #expect(stopped.status == 130 && stopped.standardError.contains("apus jobs cancel --batch"), "\(stopped)")
      #expect(try await !cluster.jobs("running").isEmpty, "its jobs go on")

      let cancelled = try await cluster.run(["jobs", "cancel", "--batch", path, "--json"])
      #expect(cancelled.status == 0 && (cancelled.json?["jobs"] as? [Any])?.isEmpty == false, "\(cancelled)")
      try await cluster.wait(for: "all jobs to end") {
        let unfinished = try await cluster.jobs("queued") + cluster.jobs("running")
        return unfinished.isEmpty
      }
      try await cluster.wait(for: "the engine to see the client go") { server.abandonedCount > 0 }
      let none = try await cluster.run(["jobs", "cancel", "--batch", path])
      #expect(none.status == 0 && none.standardOutput.contains("no job of"), "\(none)")

      let lost = try await cluster.run(arguments)
      #expect(lost.status == 69 && lost.standardError.contains("--retry-failed"), "\(lost)")
      let whole = try await cluster.run(arguments + ["--retry-failed", "--json"])
      #expect(whole.status == 0 && whole.json?["completed_count"] as? Int == 4, "\(whole)")
      let results = try results(cluster.state + "/batch.results.jsonl")
      #expect(results.map { answer($0)?.hasSuffix(" t40") } == [true, false, false, false])
    }
  }
}
