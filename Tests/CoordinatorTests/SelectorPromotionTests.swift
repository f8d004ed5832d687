import Coordinator
import Foundation
import Messaging
import Selection
import Serving
import TestKit
import Testing

/// A new selector serves only as long as it is no worse than the old one.
@Suite struct SelectorPromotionTests {
  /// Hands out model files one after another.
  private actor Models: ModelTraining {
    private var paths: [String]
    init(_ paths: [String]) { self.paths = paths }

    func train() async throws(ApusError) -> String {
      guard !paths.isEmpty else { throw ApusError(.badInput, "there is no further model") }
      return paths.removeFirst()
    }
  }

  /// A coordinator's files: its selector, and two models to come. A worker's jobs take 20 ms (`ScriptedWorker`).
  private struct Files {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID().uuidString)")
    var selector: String { directory.appendingPathComponent("selector.model").path }

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

    func model(_ name: String, e2eMS: Double) throws -> String {
      let measurements = Workload.builtIn.flatMap { workload in
        (0..<3).map { round in
          Fixture.measurement(
            "\(workload.name)-\(round)",
            source: .trial("t", benchmark: "b", purpose: .paired, round: round), worker: "one",
            outcome: .completed(Fixture.metrics(e2eMS: e2eMS, workload: workload)), workload: workload)
        }
      }
      let path = directory.appendingPathComponent(name).path
      try SelectorTrainer.train(measurements).write(to: path)
      return path
    }

    func bytes(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }
    func remove() { try? FileManager.default.removeItem(at: directory) }
  }

  private func train(_ client: ScriptedClient) async throws -> TrainingSummary {
    guard case .trained(let summary) = try await client.ask(.train) else {
      throw ApusError(.bug, "a training was answered with something else")
    }
    return summary
  }

  private func cluster(_ files: Files, _ models: [String]) async throws -> (ScriptedCluster, ScriptedWorker) {
    var configuration = CoordinatorConfiguration(selectorPath: files.selector)
    configuration.exploration = .off
    let cluster = ScriptedCluster(configuration: configuration, trainer: Models(models))
    try await cluster.coordinator.start()
    return (cluster, try await cluster.worker("one"))
  }

  @Test("A model that foresees the jobs worse than the one that serves never serves, and the answer says why")
  func refused() async throws {
    let files = try Files()
    defer { files.remove() }
    let good = try files.model("good", e2eMS: 20)
    let content = files.bytes(good)
    let (cluster, worker) = try await cluster(files, [good, try files.model("bad", e2eMS: 2000)])
    let client = try await cluster.client()
    #expect(try await train(client).wasPromoted)
    for _ in 0..<25 { _ = try await client.ask(.submit(Fixture.spec())) }
    let second = try await train(client)
    #expect(!second.wasPromoted && second.reason.hasPrefix("refused: its forecasts"), "\(second.reason)")
    #expect(await cluster.coordinator.metrics.selectorsRefused == 1)
    #expect(files.bytes(files.selector) == content, "the old one is what the next start finds")
    await cluster.stop(worker)
  }

  @Test("A model whose first jobs it would not have foreseen as well as the old one goes, and the old one comes back")
  func takenBack() async throws {
    let files = try Files()
    defer { files.remove() }
    let good = try files.model("good", e2eMS: 20)
    let content = files.bytes(good)
    let (cluster, worker) = try await cluster(files, [good, try files.model("bad", e2eMS: 2000)])
    let client = try await cluster.client()
    #expect(try await train(client).wasPromoted)
    #expect(try await train(client).wasPromoted, "nothing is known yet that speaks against it")
    #expect(files.bytes(files.selector) != content && files.bytes(files.selector + ".previous") == content)
    for _ in 0..<Probation.length { _ = try await client.ask(.submit(Fixture.spec())) }
    try await client.until {
      _ = await client.workers()
      return await cluster.coordinator.metrics.selectorsTakenBack == 1
    }
    #expect(files.bytes(files.selector) == content)
    await cluster.stop(worker)
  }
}
