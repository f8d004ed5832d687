import FoundationEssentials
import Glibc
import Serving
import Testing

@testable import Selection

@Suite("The roofline says which way things go")
struct CostModelTests {
  private let dense = SyntheticWorld.targets[0]
  private let small = SyntheticWorld.hardware[0]

  private func estimate(
    _ knobs: [KnobName: KnobValue] = [:], _ workload: Workload = .chat, _ model: ModelProfile? = nil,
    _ hardware: HardwareProfile? = nil
  ) -> CostEstimate {
    CostModel(
      model: model ?? dense, available: SyntheticWorld.models, hardware: hardware ?? small, workload: workload
    ).estimate(EngineConfiguration(engine: SyntheticWorld.engine, knobs: knobs))
  }

  @Test("A dense model's step reads all weights once: 64 MB at 14 GB/s are 4.5 ms")
  func step() {
    #expect((4.5...6).contains(estimate().tpotMS))
    // 64 tokens x 60 M weights x 2 operations at 90 GFLOP/s are 85 ms.
    #expect((80...110).contains(estimate().ttftMS))
  }

  @Test("Slots raise throughput and shorten the wait, and read a shared prefix again")
  func slots() {
    let (one, eight) = (estimate([:], .concurrent), estimate([.slotCount: .int(8)], .concurrent))
    #expect(eight.throughput > 1.3 * one.throughput)
    #expect(eight.ttftMS < one.ttftMS && eight.memoryBytes > one.memoryBytes)
    let shared = (estimate([:], .sharedPrefix), estimate([.slotCount: .int(8)], .sharedPrefix))
    #expect(shared.1.throughput < 0.6 * shared.0.throughput)
    #expect(estimate([.prefixCaching: .bool(false)], .sharedPrefix).ttftMS > 2 * shared.0.ttftMS)
  }

  @Test("A draft pays on a dense model; an n-gram only where text repeats")
  func speculation() {
    let draft: [KnobName: KnobValue] = [
      .speculation: .text("draft-model"), .draftModel: .text("draft"), .draftTokens: .int(3),
    ]
    #expect(estimate(draft).tpotMS < estimate().tpotMS)
    let ngram: [KnobName: KnobValue] = [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)]
    #expect(estimate(ngram, .chat).tokensPerStep < 1.01)
    #expect(estimate(ngram, .edit).tokensPerStep > 1.5)
  }

  @Test("A GPU's rates count where the engine computes there, for the part that does")
  func accelerators() {
    var node = small
    node.accelerators = [
      Accelerator(
        name: "gpu", memoryBytes: 80 << 30, memoryBandwidth: 3e12, gemmRate: 6e14, engines: [SyntheticWorld.engine])
    ]
    let there = estimate([:], .chat, nil, node)
    #expect(there.acceleratorShare == 1 && there.tpotMS < 0.3 && there.ttftMS < 10)
    #expect(there.memoryBytes > 3e8, "its driver is in main memory")
    let half = estimate([.gpuLayers: .int((dense.layerCount + 1) / 2)], .chat, nil, node)
    #expect(half.tpotMS > 2 && half.tpotMS < estimate().tpotMS)
    #expect(estimate([.gpuLayers: .int(0)], .chat, nil, node).tpotMS == estimate().tpotMS)
    #expect(estimate([.isaBuild: .text("avx512")], .chat, nil, node).tpotMS == estimate().tpotMS)
    node.accelerators[0].engines = []
    #expect(estimate([:], .chat, nil, node).acceleratorShare == 0)
    #expect(estimate([:], .chat, nil, node).tpotMS == estimate().tpotMS)
  }

  @Test("More tokens in a step touch more experts, up to all of them")
  func experts() throws {
    let moe = try #require(SyntheticWorld.targets.first { $0.isMixtureOfExperts })
    let draft: [KnobName: KnobValue] = [
      .speculation: .text("draft-model"), .draftModel: .text("draft"), .draftTokens: .int(8),
    ]
    let plain = estimate([:], .chat, moe)
    let drafted = estimate(draft, .chat, moe)
    #expect(drafted.stepSeconds > 2 * plain.stepSeconds)
  }

  @Test("Arrivals near what a machine can do make requests wait, and no figure is ever NaN or negative")
  func finite() {
    var open = Workload.chat
    open.arrivalRate = 0.1
    let calm = estimate([:], open)
    open.arrivalRate = 1000
    let rushed = estimate([:], open)
    #expect(rushed.waitSeconds > 10 * calm.waitSeconds)
    var odd = dense
    odd.weightBytes = 0
    odd.activeWeightBytes = 0
    odd.activeParameterCount = 0
    odd.parameterCount = 0
    var empty = small
    empty.memoryBandwidth = 0
    empty.gemmRate = .zero
    empty.coreCount = 0
    var single = Workload.chat
    single.promptTokens = 0...0
    single.outputTokens = 0...0
    let knobs: [KnobName: KnobValue] = [
      .slotCount: .int(.max), .microBatchTokens: .int(.min), .draftTokens: .int(.max),
    ]
    for each in [rushed, estimate([:], single, odd, empty), estimate(knobs, single, odd, empty)] {
      for metric in CostMetric.allCases { #expect(each.logCost(metric).isFinite, "\(metric)") }
    }
  }
}

@Suite("Belief and evidence are weighed by their certainty")
struct PosteriorTests {
  private let level = LogEstimate(mean: 5, variance: 0.04)

  @Test("Without evidence the prior stands; with much of it, the evidence does")
  func extremes() {
    let prior = LogEstimate(mean: -0.4, variance: 0.09)
    let alone = Posterior(level: level, prior: prior, pairs: nil, alone: nil)
    #expect(alone.ratio == prior && alone.cost.mean == 4.6)
    let strong = Posterior(level: level, prior: prior, pairs: LogEstimate(mean: 0.1, variance: 1e-6), alone: nil)
    #expect(abs(strong.ratio.mean - 0.1) < 1e-3)
    let half = Posterior(level: level, prior: prior, pairs: LogEstimate(mean: 0, variance: 0.09), alone: nil)
    #expect(abs(half.ratio.mean + 0.2) < 1e-12 && abs(half.ratio.variance - 0.045) < 1e-12)
  }

  @Test("A block of the candidate alone moves level and ratio by their shares of the doubt, never adds doubt")
  func alone() {
    let prior = LogEstimate(mean: 0, variance: 0.12)
    let posterior = Posterior(
      level: level, prior: prior, pairs: nil, alone: LogEstimate(mean: 5.4, variance: 0.04))
    // The surprise is 0.4 over a doubt of 0.2: level takes 0.04/0.2 of it, ratio 0.12/0.2.
    #expect(abs(posterior.level.mean - 5.08) < 1e-12)
    #expect(abs(posterior.ratio.mean - 0.24) < 1e-12)
    #expect(abs(posterior.cost.mean - 5.32) < 1e-12)
    #expect(posterior.level.variance < level.variance && posterior.ratio.variance < prior.variance)
    #expect(posterior.cost.variance < 0.04)
  }
}

@Suite("Interval widths come from errors on unseen groups")
struct CalibrationTests {
  @Test("90% of the errors fit, and few groups widen")
  func size() throws {
    let errors = (1...99).map { Double($0.isMultiple(of: 2) ? $0 : -$0) / 100 }
    let many = try #require(Calibration.size(errors, groups: (1...99).map { Int32($0) }))
    // Of 99 errors the middles of the 89th and the 90th are 88.5 and 89.5 of 99.
    #expect(many > 0.896 && many < 0.92)
    // All in one group: the same errors, and no idea how the next group will do.
    #expect(try #require(Calibration.size(errors, groups: [Int32](repeating: 7, count: 99))) > 3 * many)
    #expect(Calibration.size([], groups: []) == nil)
    #expect(Calibration.deviation([0, 0], groups: [1, 2]) == Calibration.least)
  }

  @Test("As many groups widen more when the rows of each err together")
  func together() throws {
    // Five groups of twenty rows with the same errors in all: mixed among the groups, and sorted into them.
    let errors = (1...100).map { Double($0) / 100 }
    let mixed = try #require(Calibration.size(errors, groups: (0..<100).map { Int32($0 % 5) }))
    let sorted = try #require(Calibration.size(errors, groups: (0..<100).map { Int32($0 / 20) }))
    #expect(mixed > 0.89 && mixed < 0.95)
    #expect(sorted > 1.1 * mixed)
  }

  @Test("A group weighs the same however many rows it has, unless it has very few")
  func groups() throws {
    func size(_ rows: [(error: Double, count: Int)]) throws -> Double {
      try #require(
        Calibration.size(
          rows.flatMap { [Double](repeating: $0.error, count: $0.count) },
          groups: rows.enumerated().flatMap { [Int32](repeating: Int32($0.offset), count: $0.element.count) }))
    }
    let alike = (1...9).map { _ in (error: 0.1, count: 100) }
    // One of ten groups is more than a tenth of what counts only when it has its rows.
    #expect(try size(alike + [(0.5, 1000)]) > 0.4)
    #expect(try size(alike + [(0.5, 2)]) < 0.2)
  }

  @Test("90% of the rows of one more group lie within, with few groups as with many")
  func coverage() throws {
    var generator = SeededGenerator(seed: 1)
    func normal() -> Double {
      (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }
    }
    for groupCount in [4, 8, 20] {
      var (inside, total) = (0, 0)
      for _ in 0..<300 {
        var (errors, groups): ([Double], [Int32]) = ([], [])
        // The last group is the one that comes after.
        for group in 0...groupCount {
          let common = normal()
          for _ in 0..<12 {
            errors.append(common + normal())
            groups.append(Int32(group))
          }
        }
        let size = try #require(Calibration.size(Array(errors.dropLast(12)), groups: Array(groups.dropLast(12))))
        inside += errors.suffix(12).count { abs($0) <= size }
        total += 12
      }
      let share = Double(inside) / Double(total)
      #expect(share > 0.87 && share < 0.93, "\(groupCount) groups: \(share)")
    }
  }

  @Test("What is farther away is never trusted more, in its parts or as a whole")
  func far() {
    let near = Spread(level: 0.2, ratio: 0.1, costFactor: 1.2)
    let far = Spread(level: 0.3, ratio: 0.05, costFactor: 0.5).atLeast(near)
    #expect(far.level == 0.3 && far.ratio == 0.1)
    func cost(_ spread: Spread) -> Double {
      spread.costFactor * (spread.level * spread.level + spread.ratio * spread.ratio).squareRoot()
    }
    #expect(abs(cost(far) - cost(near)) < 1e-12)
    #expect(abs(cost(near.widened(by: 2)) - 2 * cost(near)) < 1e-12)
    // New in two ways: what each adds to what is known adds up, and what adds nothing changes nothing.
    let known = Spread(level: 0.1, ratio: 0.1, costFactor: 1)
    let level = Spread(level: 0.3, ratio: 0.1, costFactor: 1)
    #expect(abs(level.joined(known, beside: known).level - level.level) < 1e-12)
    let both = level.joined(Spread(level: 0.2, ratio: 0.1, costFactor: 1), beside: known)
    #expect(abs(both.level * both.level - 0.12) < 1e-12 && abs(both.ratio - 0.1) < 1e-12)
    #expect(abs(cost(both) * cost(both) - 0.13) < 1e-12)
  }
}

@Suite("Similar shapes are neighbours")
struct WorkloadShapeTests {
  private func chat(prompt: Int, output: Int = 64, concurrency: Int = 1) -> WorkloadShape {
    var workload = Workload.chat
    workload.promptTokens = prompt...prompt
    workload.outputTokens = output...output
    workload.concurrency = concurrency
    return WorkloadShape(workload)
  }

  @Test("Lengths within about a factor of 1.4 share a neighbourhood, other concurrency does not")
  func neighbourhoods() {
    #expect(chat(prompt: 64).neighbourhood == chat(prompt: 55, output: 80).neighbourhood)
    #expect(chat(prompt: 64).neighbourhood != chat(prompt: 130).neighbourhood)
    #expect(chat(prompt: 64).neighbourhood != chat(prompt: 64, concurrency: 8).neighbourhood)
    #expect(WorkloadShape(.edit).neighbourhood != WorkloadShape(.chat).neighbourhood)
  }

  @Test("Distance is zero for equal shapes, symmetric, and 1 for a factor of e in one length")
  func distance() {
    #expect(chat(prompt: 64).distance(to: chat(prompt: 64)) == 0)
    #expect(chat(prompt: 64).distance(to: chat(prompt: 1000)) == chat(prompt: 1000).distance(to: chat(prompt: 64)))
    #expect(abs(chat(prompt: 1000).distance(to: chat(prompt: 2718)) - 1) < 1e-3)
  }
}
