import ExpertExecution
import ExpertPlacement
import Foundation
import Messaging
import Serving
import Testing

/// A model made by `apus model synthesize`.
private let moeModel: String? = Program.engineDirectory.map {
  ($0 as NSString).deletingLastPathComponent + "/models/moe-q8_0.gguf"
}.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }

/// Experts of a real model file in processes of their own, one of which is killed.
@Suite(
  "Placement hosts", .enabled(if: moeModel != nil, "there is no .apus/models/moe-q8_0.gguf: run apus model synthesize"),
  .timeLimit(.minutes(10)))
struct PlacementHostTests {
  private struct Introduction: Decodable {
    var address: String
    var publicKey: String
  }

  private struct NotReady: Error {}

  /// Plays a machine that takes hours, so that it is killed in the middle of its work.
  private static let slow = ["--emulated-gflop-per-s", "0.000001", "--emulated-gb-per-s", "1000"]

  private static func start(_ model: String, _ keys: KeyPair, _ extra: [String] = []) async throws -> (
    RunningProgram, ExpertHostAddress
  ) {
    let program = try RunningProgram(
      ["placement", "host", "--model", model, "--hub-key=\(keys.publicKey)"] + extra)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    // A real process on a busy machine takes its time.
    for _ in 0..<3000 where program.isRunning {
      if let said = try? decoder.decode(Introduction.self, from: Data(program.standardOutput.utf8)) {
        return (
          program,
          ExpertHostAddress(name: "host-\(program.processID)", address: said.address, publicKey: said.publicKey)
        )
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw NotReady()
  }

  /// Of one layer.
  private static func plan(hostCount: Int, _ hosts: (Int) -> [Int]) -> PlacementPlan {
    PlacementPlan(
      hostCount: hostCount, expertCount: 32,
      layers: [
        .hosted(
          (0..<32).map { expert in
            hosts(expert).map { HostShare(host: $0, weight: 1 / Double(hosts(expert).count)) }
          })
      ])
  }

  @Test func livesThroughAKilledHost() async throws {
    let path = try #require(moeModel)
    let model = try MoEModelFile(path: path)
    let keys = KeyPair.generate()
    let hosts = [
      try await Self.start(path, keys), try await Self.start(path, keys, Self.slow), try await Self.start(path, keys),
    ]
    defer { for (program, _) in hosts { program.signal(SIGKILL) } }
    let hub = try ExpertHub(model: model, options: ExpertHubOptions(keys: keys, hosts: hosts.map(\.1)))
    defer { hub.close() }
    try await hub.connect()
    let batches = try TrialBatches(model: model, layers: 0..<1)
    let batch = await batches.batch(0, tokenCount: 8)
    try await hub.place(Self.plan(hostCount: 3) { _ in [0] }, layers: 0..<1)
    let alone = try await hub.run(layer: 0, rows: batch.rows, routed: batch.routed[0])

    try await hub.place(Self.plan(hostCount: 3) { $0 < 16 ? [0] : [1, 2] }, layers: 0..<1)
    async let running = hub.run(layer: 0, rows: batch.rows, routed: batch.routed[0])
    _ = await hub.livingHosts()
    hosts[1].0.signal(SIGKILL)
    let result = try await running
    #expect(difference(result.rows, alone.rows) < 1e-3, "its replica computed what the killed host had")

    hosts[2].0.signal(SIGKILL)
    let error = await #expect(throws: ApusError.self) {
      for _ in 0..<1000 { _ = try await hub.run(layer: 0, rows: batch.rows, routed: batch.routed[0]) }
    }
    #expect(error?.code == .unavailable)
    let reason = error?.reason ?? ""
    #expect(reason.contains("has no living host"))

    try await hub.place(Self.plan(hostCount: 3) { _ in [0] }, layers: 0..<1)
    let again = try await hub.run(layer: 0, rows: batch.rows, routed: batch.routed[0])
    #expect(difference(again.rows, alone.rows) < 1e-6)
  }

  /// Killed in the middle of a batch, and nobody else has its experts: one error that names an expert and its host, and a
  /// plan without the host brings the model back.
  @Test func saysWhatAKilledHostHad() async throws {
    let path = try #require(moeModel)
    let model = try MoEModelFile(path: path)
    let keys = KeyPair.generate()
    let hosts = [try await Self.start(path, keys), try await Self.start(path, keys, Self.slow)]
    defer { for (program, _) in hosts { program.signal(SIGKILL) } }
    let hub = try ExpertHub(model: model, options: ExpertHubOptions(keys: keys, hosts: hosts.map(\.1)))
    defer { hub.close() }
    try await hub.connect()
    let batches = try TrialBatches(model: model, layers: 0..<1)
    let batch = await batches.batch(0, tokenCount: 64)
    try await hub.place(Self.plan(hostCount: 2) { [$0 % 2] }, layers: 0..<1)
    async let running = hub.run(layer: 0, rows: batch.rows, routed: batch.routed[0])
    _ = await hub.livingHosts()
    hosts[1].0.signal(SIGKILL)
    do {
      _ = try await running
      Issue.record("half of the experts are gone")
    } catch let error as ApusError {
      #expect(error.code == .unavailable)
      #expect(
        error.reason.hasSuffix("of layer 0 has no living host; it is placed on \(hosts[1].1.name)"), "\(error.reason)")
      #expect(error.advice.contains("plan again without the lost hosts"))
    }
    try await hub.place(Self.plan(hostCount: 2) { _ in [0] }, layers: 0..<1)
    let again = try await hub.run(layer: 0, rows: batch.rows, routed: batch.routed[0])
    #expect(again.rows.contains { $0 != 0 })
    #expect(again.timing.hosts.map(\.host) == [0])
  }

  private func difference(_ a: [Float], _ b: [Float]) -> Double {
    let squares = zip(a, b).reduce((0.0, 0.0)) { sums, pair in
      let (x, y) = (Double(pair.0), Double(pair.1))
      return (sums.0 + (x - y) * (x - y), sums.1 + y * y)
    }
    return (squares.0 / squares.1).squareRoot()
  }

  /// The command starts its hosts, measures what was asked for, and ends them.
  @Test func measuresPlacements() async throws {
    let output = try await Program.run([
      "placement", "benchmark", "--model", try #require(moeModel), "--local-hosts", "2", "--speeds", "2:1",
      "--strategies", "linear,lpt_heterogeneous,shard", "--batch", "8,64", "--layers", "1", "--rounds", "2", "--json",
    ])
    #expect(output.status == 0, "\(output)")
    let rows = output.json?["placements"] as? [[String: Any]] ?? []
    let names = ["linear", "lpt_heterogeneous", "shard"]
    #expect(rows.map { $0["strategy"] as? String } == names + names)
    #expect(rows.map { $0["batch_tokens"] as? Int } == [8, 8, 8, 64, 64, 64])
    for row in rows {
      for part in ["layer", "dispatch", "compute", "combine", "wait"] {
        let median = try #require(row["\(part)_p50_ms"] as? Double)
        let late = try #require(row["\(part)_p99_ms"] as? Double)
        #expect(median >= 0)
        #expect(late >= median)
      }
      #expect((row["relative_difference"] as? Double ?? 0) < 1e-3)
      #expect((row["links"] as? [[String: Any]])?.count == 2)
    }
    #expect(rows.last?["hosts_per_token_mean"] as? Double == 2, "cut experts need every host")
  }

  /// What cannot be measured is said.
  @Test(arguments: [
    (["--local-hosts", "2", "--speeds", "1:2:3"], "--speeds 1:2:3"),
    (["--local-hosts", "2", "--slots", "10"], "20 of 32 experts in each layer: 12 have no place ("),
    (["--local-hosts", "1", "--batch", "0"], "--batch 0"), (["--local-hosts", "1", "--layers", "99"], "--layers 99"),
    (["--local-hosts", "1", "--strategies", "best"], "no placement strategy best"),
  ])
  func refusesWhatCannotBeMeasured(options: [String], words: String) async throws {
    let output = try await Program.run(
      ["placement", "benchmark", "--model", try #require(moeModel), "--rounds", "1"] + options)
    #expect(output.status == 64 || output.status == 65)
    #expect(output.standardError.contains(words), "\(output)")
  }

  /// A dense model is told apart before a host is started.
  @Test func refusesAModelWithoutExperts() async throws {
    let dense = (try #require(moeModel) as NSString).deletingLastPathComponent + "/dense-q8_0.gguf"
    for command in [["benchmark", "--local-hosts", "2"], ["host", "--hub-key=\(KeyPair.generate().publicKey)"]] {
      let output = try await Program.run(["placement"] + command + ["--model", dense])
      #expect(output.status == 65, "\(output)")
      #expect(output.standardError.contains("cannot be used: it has none"), "\(output)")
    }
  }
}
