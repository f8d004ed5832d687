import Foundation
import Testing

@Suite("The command line refuses what is wrong with the right exit status and says what to do next")
struct CommandLineTests {
  /// A state directory of its own for each test.
  private let state = FileManager.default.temporaryDirectory.path + "/apus-cli-\(UUID().uuidString)"

  @Test(
    "Usage, bad input and missing services have statuses of their own",
    arguments: [
      (["no-such-command"], 64, "no-such-command"),
      (["quickstart", "--budget", "0"], 64, "--budget 0"),
      (["quickstart", "--budget", "soon"], 64, "soon"),
      (["recommend", "--model", "m", "--workload", "no-such-shape"], 65, "no-such-shape"),
      (["recommend", "--model", "m", "--workload", "chat", "--objective", "speed"], 64, "speed"),
      (["recommend", "--model", "m", "--workload", "chat", "--slo", "fast"], 64, "fast"),
      (["recommend", "--model", "m", "--workload", "chat", "--pareto", "--over", "ttft,speed"], 64, "--over speed"),
      (["recommend", "--model", "m", "--workload", "chat", "--over", "ttft"], 64, "--pareto"),
      (["recommend", "--model", "m", "--workload", "chat", "--max-memory", "much"], 64, "much"),
      (["recommend", "--model", "m", "--workload", "chat", "--max-quality-loss=-1"], 64, "--max-quality-loss -1"),
      (["recommend", "--model", "m", "--workload", "chat", "--max-quality-loss", "little"], 64, "little"),
      (["submit", "--model", "m", "--prompt", "p", "--max-quality-loss", "inf"], 64, "--max-quality-loss inf"),
      (["submit", "--model", "m", "--prompt", "p", "--max-tokens", "0"], 64, "--max-tokens 0"),
      (["submit", "--model", "m"], 64, "--prompt"),
      (["submit", "--model", "m", "--file", "/no/such/file"], 65, "/no/such/file"),
      (["submit", "--prompt", "p"], 64, "--model is missing"),
      (["submit", "--batch", "b.jsonl", "--prompt", "p"], 64, "--prompt is of no use with --batch"),
      (["submit", "--model", "m", "--prompt", "p", "--strict"], 64, "--strict is of no use without --batch"),
      (["submit", "--batch", "b.jsonl", "--max-tokens", "0"], 64, "--max-tokens 0"),
      (["submit", "--model", "m", "--prompt", "-1 + 1 ="], 69, "no coordinator"),
      (["workers"], 69, "no coordinator"),
      (["jobs", "list", "--limit", "0"], 64, "--limit 0"),
      (["methods", "--engine", "no-such-engine"], 65, "no-such-engine"),
      (["benchmark", "--model", "m", "--workload", "chat", "--methods", "magic"], 65, "magic"),
      (["model", "show", "/no/such/file.gguf"], 65, "/no/such/file.gguf"),
      (["history", "stats"], 65, "no history"),
      (["keys", "authorize", "a", "--role", "king", "--public-key", "x"], 64, "king"),
      (["keys", "authorize", "a", "--role", "worker", "--public-key", "-short"], 65, "-short"),
      (["keys", "generate", "../escape"], 65, "../escape"),
    ] as [([String], Int32, String)])
  func refusals(arguments: [String], status: Int32, mention: String) async throws {
    defer { try? FileManager.default.removeItem(atPath: state) }
    let output = try await Program.run(arguments, environment: ["APUS_STATE": state])
    #expect(output.status == status, "\(output)")
    #expect(output.standardError.contains(mention), "\(output)")
  }

  @Test("Output that nobody reads ends the program quietly, output that has no room with its reason")
  func outputThatCannotBeWritten() throws {
    func run(into output: FileHandle) throws -> (status: Int32, standardError: String) {
      let process = Process()
      let errors = Pipe()
      process.executableURL = URL(fileURLWithPath: Program.path)
      process.arguments = ["methods"]
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      return (process.terminationStatus, text)
    }
    let pipe = Pipe()
    try pipe.fileHandleForReading.close()
    let unread = try run(into: pipe.fileHandleForWriting)
    #expect(unread == (141, ""))
    let full = try run(into: try #require(FileHandle(forWritingAtPath: "/dev/full")))
    #expect(full.status == 74 && full.standardError.contains("cannot write the output"), "\(full)")
  }

  @Test("A truncated model is refused and named")
  func truncatedModel() async throws {
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: state) }
    let path = state + "/cut.gguf"
    try Data("GGUF\u{3}\0\0\0".utf8).write(to: URL(fileURLWithPath: path))
    let output = try await Program.run(["model", "add", path], environment: ["APUS_STATE": state])
    #expect(output.status == 65 && output.standardError.contains("cut.gguf"), "\(output)")
    #expect(!FileManager.default.fileExists(atPath: state + "/models/cut.gguf"))
  }

  @Test("Keys are made, allowed, rotated and revoked; the secret is for its owner only")
  func keys() async throws {
    defer { try? FileManager.default.removeItem(atPath: state) }
    let environment = ["APUS_STATE": state]
    let made = try await Program.run(
      ["keys", "generate", "w1", "--role", "worker", "--json"], environment: environment)
    let publicKey = try #require(made.json?["public_key"] as? String, "\(made)")
    #expect(publicKey.count == 40)
    let mode = try FileManager.default.attributesOfItem(atPath: state + "/keys/w1.key")[.posixPermissions]
    #expect((mode as? NSNumber)?.intValue == 0o600)
    let rotated = try await Program.run(["keys", "rotate", "w1", "--json"], environment: environment)
    #expect((rotated.json?["public_key"] as? String).map { $0 != publicKey } == true, "\(rotated)")
    _ = try await Program.run(["keys", "revoke", "w1"], environment: environment)
    let list = try await Program.run(["keys", "list", "--json"], environment: environment)
    #expect((list.json?["keys"] as? [Any])?.isEmpty == true, "\(list)")
  }

  @Test("Every list command prints one JSON object under its own name")
  func lists() async throws {
    defer { try? FileManager.default.removeItem(atPath: state) }
    for (command, key) in [("methods", "methods"), ("engines", "engines")] {
      let output = try await Program.run([command, "--json"], environment: ["APUS_STATE": state])
      #expect((output.json?[key] as? [Any])?.isEmpty == false, "\(output)")
    }
  }

  @Test("Every command explains itself")
  func help() async throws {
    for command in [
      "quickstart", "coordinator", "worker", "keys", "doctor", "model", "benchmark", "recommend", "submit", "jobs",
      "workers", "methods", "engines", "history", "selector",
    ] {
      let output = try await Program.run([command, "--help"])
      #expect(output.status == 0 && output.standardOutput.contains("USAGE: apus \(command)"), "\(command): \(output)")
    }
  }

  @Test("Every file in Commands is a command in the list, under its own name")
  func listOfCommands() async throws {
    let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
    let files = try FileManager.default.contentsOfDirectory(atPath: root.path + "/Sources/apus/Commands")
    let names = Set(files.map { $0.replacing("Command.swift", with: "").lowercased() })
    let output = try await Program.run(["--help"])
    let listed = output.standardOutput.split(separator: "\n").drop { !$0.hasPrefix("SUBCOMMANDS") }.dropFirst()
      .filter { $0.hasPrefix("  ") && $0.dropFirst(2).first?.isLowercase == true }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(names == Set(listed) && listed.count == files.count, "\(output)")
  }
}
