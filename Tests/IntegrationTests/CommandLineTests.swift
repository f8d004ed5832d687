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
      (["simulate", "--load", "1e-300"], 64, "--load 1e-300 is not between 0.001 and 10"),
      (["simulate", "--slots", "0"], 64, "--slots 0 is not between 1 and 1024"),
      (["submit", "--model", "m", "--prompt", "p", "--idempotency-key", ""], 64, "--idempotency-key is empty"),
      (["submit", "--model", "m", "--prompt", "p", "--deadline-ms=-4"], 64, "--deadline-ms -4 is not between"),
      (["recommend", "--model", "m", "--workload", "chat", "--port", "81"], 64, "--port is of no use without --emit"),
      (["selector", "evaluate", "--aslib", "folder", "--instance", "x"], 64, "--instance needs --table"),
      (
        ["selector", "evaluate", "--table", "/", "--instance", "x", "--algorithm", "y", "--cost", "z"], 65,
        "/ cannot be read"
      ),
      (["simulate", "--model", "m"], 64, "--model is of no use without --history"),
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

  @Test("A prompt is read from a pipe to its end")
  func promptFromPipe() async throws {
    defer { try? FileManager.default.removeItem(atPath: state) }
    for (text, status, mention) in [("hi", 69, "no coordinator"), (#"\377"#, 65, "is not UTF-8")]
      as [(String, Int32, String)]
    {
      let line = "printf '\(text)' | \(Program.path) submit --model m --file /dev/stdin --state \(state)"
      let output = try await RunningProgram(shell: line).output()
      #expect(output.status == status && output.standardError.contains(mention), "\(output)")
    }
  }

  @Test("A worker that cannot have its directory, its key or an address says so before it measures the machine")
  func workerWithoutMeans() async throws {
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: state) }
    let without = try await Program.run(["worker", "--state", state])
    #expect(without.status == 69 && without.standardError.contains("no coordinator runs"), "\(without)")
    #expect(!FileManager.default.fileExists(atPath: state + "/workers/worker/capabilities.json"))
    try Data().write(to: URL(fileURLWithPath: state + "/workers-file"))
    try FileManager.default.removeItem(atPath: state + "/workers")
    try FileManager.default.moveItem(atPath: state + "/workers-file", toPath: state + "/workers")
    let barred = try await Program.run(["worker", "--state", state])
    #expect(barred.status == 74 && barred.standardError.contains("cannot make the directory"), "\(barred)")
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

  @Test(
    "Files that a person writes are refused by key and reason",
    arguments: [
      (
        ["placement", "plan", "--strategy", "lpt", "--load", "FOLDER/load.csv", "--cluster"], "hosts: [{name: a}]",
        "a has"
      ),
      (
        ["placement", "plan", "--strategy", "lpt", "--load", "FOLDER/load.csv", "--cluster"],
        "hosts: [{name: a, slots: 9223372036854775807}]", "slots are 0 to"
      ),
      (
        ["placement", "plan", "--strategy", "lpt", "--load", "FOLDER/load.csv", "--cluster"],
        "hosts: [{name: a, slots: 3, slot: 4}]", "sets hosts.slot"
      ),
      (["simulate", "--cluster"], "nodes: [{prefill_rate: 1}]", "nodes[0].decode_rate is missing"),
      (["coordinator", "--config"], "- bind", "it has no `key: value` lines"),
      (["coordinator", "--config"], "{", "is not a configuration"),
      (
        ["recommend", "--model", "m", "--workload"], "{name: w, prompt_tokens: 8, output_tokens: 8, request: 4}",
        "sets request"
      ),
      (["recommend", "--model", "m", "--workload"], "{name: w, prompt_tokens: 8}", "output_tokens is missing"),
      (
        ["history", "import", "FOLDER/load.csv", "--format", "llama-bench", "--hardware"],
        Self.hardware("memory_gib: 1e10"),
        "memory_gib: 10000000000.0 in"
      ),
      (
        ["history", "import", "FOLDER/load.csv", "--format", "llama-bench", "--hardware"],
        Self.hardware("memory_gib: 8, gemm_gflop: 1"), "sets gemm_gflop"
      ),
      (
        ["history", "import", "FOLDER/load.csv", "--format", "llama-bench", "--hardware"],
        Self.hardware("memory_gib: .inf"), "memory_gib: inf in"
      ),
    ] as [([String], String, String)])
  func writtenFiles(arguments: [String], text: String, mention: String) async throws {
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: state) }
    try "3,2,1\n".write(toFile: state + "/load.csv", atomically: true, encoding: .utf8)
    let path = state + "/written.yaml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let output = try await Program.run(
      arguments.map { $0.replacing("FOLDER", with: state) } + [path], environment: ["APUS_STATE": state])
    #expect(output.status == 65 && output.standardError.contains(mention), "\(output)")
    #expect(!output.standardError.contains("DecodingError"), "\(output)")
  }

  private static func hardware(_ rest: String) -> String {
    "{cores: 4, memory_bandwidth_gb_per_s: 10, gemm_gflops: 100, \(rest)}"
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
