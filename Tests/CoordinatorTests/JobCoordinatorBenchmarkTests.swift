import Coordinator
import History
import Messaging
import Serving
import TestKit
import Testing

/// Benchmarks through the coordinator: trials, leases, reports, and what is found best.
@Suite(.timeLimit(.minutes(10))) struct JobCoordinatorBenchmarkTests {
  @Test("A benchmark asks for each quality once, sets aside what breaks its promise, and the loss then decides")
  func quality() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    // The fastest says other tokens, the second fastest is approximate, the third is what it should be.
    let costs = HiddenCosts(
      speedups: ["chat": [.threadCount: 4, .keyCacheType: 3, .flashAttention: 2]], noise: 0.01,
      inexact: [.threadCount])
    let worker = try await cluster.worker("one", costs: costs)
    let client = try await cluster.client()
    func benchmark(_ id: BenchmarkID) async throws -> BenchmarkSummary {
      let spec = BenchmarkSpec(
        id: id, models: [Fixture.model().id], workloads: [.chat],
        methods: ["thread-count", "kv-cache-quantization", "flash-attention"], budgetSeconds: 600, objective: .e2e,
        seed: 3)
      guard case .benchmarkEnded(let summary) = try await client.ask(.benchmark(spec)) else {
        throw ApusError(.bug, "no summary")
      }
      return summary
    }
    let first = try await benchmark("first")
    let finding = try #require(first.findings.first)
    #expect(finding.best.configuration[.flashAttention] != nil, "\(finding.best)")
    #expect(finding.best.fidelity == .exact)
    let broken = first.qualities.filter { !$0.loss.isExact }
    #expect(!broken.isEmpty && broken.allSatisfy { $0.candidate.configuration[.threadCount] != nil })
    #expect(broken.allSatisfy { $0.candidate.fidelity == .exact }, "with what it promises")
    #expect(first.qualities.contains { $0.candidate.fidelity == .approximate && $0.loss.divergence == 0.02 })
    #expect(first.qualities.contains { $0.candidate.configuration == finding.best.configuration && $0.loss.isExact })
    let probed = try await cluster.store.measurements(MeasurementFilter(), includingSamples: false)
      .filter { $0.measurement.quality != nil }.map(\.measurement.configuration)
    #expect(Set(probed).count == probed.count, "once each")

    let second = try await benchmark("second")
    #expect(Set(second.qualities) == Set(first.qualities), "known from before")
    let again = await worker.assignments.compactMap { assignment in
      if case .trial(let trial) = assignment.work, trial.benchmark == "second" { trial } else { nil }
    }
    #expect(!again.isEmpty)
    for trial in again {
      for place in trial.qualityWanted { #expect(!probed.contains(trial.candidates[place].configuration)) }
    }

    func cached(_ limits: Limits) async throws -> Candidate? {
      let query = RecommendQuery(model: Fixture.model().id, workload: .chat, objective: .e2e, limits: limits)
      guard case .recommendation(let answer) = try await client.ask(.recommend(query)) else { return nil }
      return answer.candidates.first { $0.candidate.configuration[.keyCacheType] == .text("q8_0") }?.candidate
    }
    #expect(try await cached(Limits(maxQualityLoss: 0.01))?.refusedReason?.contains("over the limit") == true)
    #expect(try await cached(Limits(maxQualityLoss: 0.03))?.isApplicable == true)
    let bad = RecommendQuery(
      model: Fixture.model().id, workload: .chat, objective: .e2e, limits: Limits(maxQualityLoss: -1))
    #expect(try await client.failure(.recommend(bad))?.reason.contains("quality loss") == true)
    await cluster.stop(worker)
  }

  @Test("A benchmark finds the best candidate of each workload, through leases, reports and the store")
  func benchmark() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let costs = HiddenCosts(
      speedups: ["chat": [.flashAttention: 0.5, .threadCount: 1.7], "concurrent": [.slotCount: 2]], noise: 0.03)
    let worker = try await cluster.worker("one", costs: costs)
    let client = try await cluster.client()
    let spec = BenchmarkSpec(
      id: "benchmark", models: [Fixture.model().id], workloads: [.chat, .concurrent], budgetSeconds: 600,
      objective: .e2e, seed: 3)
    let answers = try await client.answers(.benchmark(spec))
    guard case .benchmarkEnded(let summary)? = answers.last else {
      Issue.record("ended with \(String(describing: answers.last))")
      return
    }
    #expect(summary.findings.count == 2)
    let chat = try #require(summary.findings.first { $0.workload.name == "chat" })
    let concurrent = try #require(summary.findings.first { $0.workload.name == "concurrent" })
    #expect(chat.best.configuration[.threadCount] != nil && chat.isConfirmedGain)
    #expect(concurrent.best.configuration[.slotCount] != nil && concurrent.isConfirmedGain)
    let stored = try await cluster.store.measurements(
      MeasurementFilter(benchmark: "benchmark"), includingSamples: false)
    #expect(stored.count == summary.measurementCount)
    let progress = answers.compactMap { if case .benchmarkProgress(let one) = $0 { one } else { nil } }
    #expect(progress.count > 10)
    #expect(Set(progress.map(\.phase)) == ["screening", "paired", "confirmation"])
    await cluster.stop(worker)
  }

  @Test(
    "A client that asks again for a benchmark that still runs follows it; the first is told, and others are refused")
  func followedBenchmark() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker(
      "one", costs: HiddenCosts(speedups: ["chat": [.threadCount: 1.7]], noise: 0.03))
    let spec = BenchmarkSpec(
      id: "benchmark", models: [Fixture.model().id], workloads: [.chat], budgetSeconds: 600, objective: .e2e, seed: 3)
    let (first, second, other) = (
      try await cluster.client("alice"), try await cluster.client("alice"), try await cluster.client("bob")
    )
    let asked = try await first.send(.benchmark(spec))
    guard case .benchmarkProgress? = await first.next(of: asked) else {
      Issue.record("the benchmark did not begin")
      return
    }
    #expect(try await other.failure(.benchmark(spec))?.code == .badInput)
    let answers = try await second.answers(.benchmark(spec))
    guard case .benchmarkEnded(let summary)? = answers.last,
      case .failure(let told)? = try await first.rest(of: asked).last
    else {
      Issue.record("ended with \(String(describing: answers.last))")
      return
    }
    #expect(told.code == .unavailable && told.reason.contains("later command"))
    let stored = try await cluster.store.measurements(
      MeasurementFilter(benchmark: "benchmark"), includingSamples: false)
    #expect(stored.count == summary.measurementCount, "it is one benchmark, not two")
    await cluster.stop(worker)
  }
}
