import Acceleration
import Glibc
import Serving
import Testing

@testable import Selection

/// Real figures: llama.cpp on an idle two-core machine whose cores are hyper-threads, a dense model of 60 M parameters and
/// a mixture of 216 M with 32 experts, six workloads, medians of two to three runs. A block of noise of 8% is added in
/// each of three rounds.
@Suite("On figures of a real engine the choice is near the best, and the known mistakes are not made")
struct MeasuredTableTests {
  /// Output tokens per second and seconds to the first token, in the order of `Workload.builtIn`.
  private typealias Row = [(throughput: Double, ttft: Double)]

  private static let workloads: [Workload] = [
    .chat, .longPrompt, .sharedPrefix, .concurrent, .edit, .longGeneration,
  ]
  private static let configurations: [String: [KnobName: KnobValue]] = [
    "base": [:],
    "draft": [.speculation: .text("draft-model"), .draftModel: .text("draft"), .draftTokens: .int(3)],
    "unfused": [.flashAttention: .bool(false)],
    "n-gram": [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)],
    "4 slots": [.slotCount: .int(4)], "8 slots": [.slotCount: .int(8)], "1 thread": [.threadCount: .int(1)],
  ]
  private static let measured: [String: [String: Row]] = [
    "dense60": [
      "base": [(96.1, 0.16), (4.1, 3.72), (37.6, 2.29), (106.8, 2.26), (64.7, 0.68), (107.7, 0.07)],
      "draft": [(115.9, 0.17), (3.6, 4.24), (39.2, 2.16), (134.4, 1.88), (88.3, 0.59), (184.2, 0.09)],
      "unfused": [(81.9, 0.20), (2.7, 5.83), (37.5, 2.48), (94.3, 2.53), (64.2, 0.77), (102.2, 0.11)],
      "n-gram": [(94.8, 0.12), (3.9, 3.86), (34.3, 2.42), (90.1, 2.58), (87.6, 0.67), (131.1, 0.07)],
      "4 slots": [(99.4, 0.13), (3.9, 3.91), (21.6, 4.74), (187.0, 1.14), (78.9, 0.59), (102.7, 0.08)],
      "8 slots": [(98.4, 0.16), (3.9, 3.90), (12.4, 7.21), (191.9, 0.95), (74.1, 0.58), (129.0, 0.07)],
      "1 thread": [(108.8, 0.14), (3.9, 3.94), (41.2, 2.14), (115.1, 2.07), (84.1, 0.58), (130.4, 0.09)],
    ],
    "moe200": [
      "base": [(102.1, 0.15), (4.1, 3.73), (44.3, 1.94), (110.9, 1.99), (96.9, 0.51), (122.5, 0.07)],
      "draft": [(115.6, 0.18), (3.9, 3.98), (43.0, 2.09), (127.9, 1.84), (94.3, 0.65), (176.9, 0.08)],
      "unfused": [(113.5, 0.15), (3.1, 5.14), (40.6, 2.29), (113.9, 2.22), (80.2, 0.76), (130.7, 0.07)],
      "n-gram": [(121.8, 0.14), (4.2, 3.73), (44.1, 1.96), (128.9, 1.88), (90.4, 0.64), (138.8, 0.11)],
      "4 slots": [(127.1, 0.15), (4.0, 3.85), (21.3, 4.85), (158.5, 1.22), (92.7, 0.50), (135.0, 0.07)],
      "8 slots": [(115.6, 0.15), (4.4, 3.52), (12.9, 6.97), (152.0, 0.88), (84.8, 0.57), (143.9, 0.11)],
      "1 thread": [(143.9, 0.15), (4.3, 3.54), (47.3, 1.90), (129.4, 2.00), (99.3, 0.51), (186.8, 0.11)],
    ],
  ]
  private static let machine = SyntheticWorld.machine(
    "measured", cores: 2, flops: 0.9e11, bytes: 1.2e10, sets: ["avx2"])

  private func candidate(_ name: String) -> Candidate {
    Candidate(
      configuration: EngineConfiguration(engine: SyntheticWorld.engine, knobs: Self.configurations[name]!),
      fidelity: .exact)
  }

  private func model(_ name: String) -> ModelProfile { SyntheticWorld.models.first { $0.name == name }! }

  private func history(seed: UInt64) -> [Measurement] {
    var generator = SeededGenerator(seed: seed)
    var measurements: [Measurement] = []
    for (name, rows) in Self.measured.sorted(by: { $0.key < $1.key }) {
      for (place, workload) in Self.workloads.enumerated() {
        for round in 0..<3 {
          for (key, row) in rows.sorted(by: { $0.key < $1.key }) {
            let (throughput, ttft) = row[place]
            // The table has no time of a whole request; with one slot or many, it falls as throughput rises.
            let whole = max(1.01 * ttft, 0.6 * Double(workload.concurrency) * workload.meanOutputTokens / throughput)
            let truth = SyntheticWorld.Truth(
              ttftMS: 1000 * ttft, tpotMS: 1000 * (whole - ttft) / workload.meanOutputTokens, e2eMS: 1000 * whole,
              throughput: throughput, memoryBytes: 1.4e8)
            measurements.append(
              SyntheticWorld.measurement(
                "\(name)\(place)\(round)\(key)",
                source: .trial(TrialID(name), benchmark: BenchmarkID("b"), purpose: .paired, round: round), model(name),
                Self.machine, workload, candidate(key),
                .completed(truth.scaled(exp(0.08 * generator.normal())).metrics)))
          }
        }
      }
    }
    return measurements
  }

  @Test("Regret is a fraction of the default's, and slots never waste a shared prefix", arguments: [1, 2, 3])
  func choices(seed: UInt64) throws {
    let measurements = history(seed: seed)
    let recommender = Recommender(
      model: try SelectorTrainer.train(measurements, models: SyntheticWorld.models).model,
      evidence: EvidenceIndex(measurements))
    var regret = (chosen: 0.0, byDefault: 0.0)
    for (name, rows) in Self.measured {
      for (place, workload) in Self.workloads.enumerated() {
        let set = CandidateSet(
          worker: WorkerName("worker"), hardware: Self.machine, model: model(name), available: SyntheticWorld.models,
          workload: workload, candidates: rows.keys.map(candidate))
        let answer = recommender.recommend([set], objective: .throughput, limits: Limits())
        let chosen = answer.candidates[0].candidate.configuration
        let key = try #require(Self.configurations.first { $0.value == chosen.knobs }?.key)
        let best = rows.values.map { $0[place].throughput }.max()!
        regret.chosen += log(best / rows[key]![place].throughput) / 12
        regret.byDefault += log(best / rows["base"]![place].throughput) / 12
        #expect(answer.decision != .measureFirst, "everything was measured here")
        if workload == .sharedPrefix { #expect(!key.hasSuffix("slots"), "\(name)") }
        if workload == .concurrent { #expect(key.hasSuffix("slots"), "\(name)") }
      }
    }
    // In truth the default loses 25%.
    #expect(regret.byDefault > 0.2)
    #expect(regret.chosen < 0.06)
  }
}
