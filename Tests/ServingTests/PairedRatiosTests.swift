import Glibc
import Serving
import Testing

@Suite("Paired ratios") struct PairedRatiosTests {
  private func ratios(_ pairs: [(Double, Double)], _ objective: Objective) -> PairedRatios {
    var ratios = PairedRatios(objective: objective)
    for (candidate, baseline) in pairs { ratios.add(candidate: candidate, baseline: baseline) }
    return ratios
  }

  /// The mean is geometric: twice as fast and half as fast make no difference; and 2x with 4.5x make 3x.
  @Test func meanIsGeometric() throws {
    #expect(abs(try #require(ratios([(20, 10), (5, 10)], .throughput).speedup) - 1) < 1e-12)
    #expect(abs(try #require(ratios([(20, 10), (45, 10)], .throughput).speedup) - 3) < 1e-12)
  }

  /// A speed-up above 1 is better in every objective: more throughput, less latency.
  @Test(arguments: Objective.allCases) func aboveOneIsBetter(objective: Objective) throws {
    let better: (Double, Double) = objective.isMaximized ? (30, 10) : (10, 30)
    #expect(abs(try #require(ratios([better], objective).speedup) - 3) < 1e-12)
  }

  /// Worked by hand for logs 0.1 and 0.3: mean 0.2, sum of squares 0.02 with 1 degree; with the prior's 2 degrees of
  /// 0.01 the variance is (0.02 + 0.02) / 3, the standard error its root over 2, and t(3) at 95% is 2.3534.
  @Test func intervalMatchesAHandCalculation() throws {
    let interval = try #require(ratios([(exp(0.1), 1), (exp(0.3), 1)], .throughput).interval)
    let half = 2.3534 * (0.04 / 3 / 2).squareRoot()
    #expect(abs(log(interval.lowerBound) - (0.2 - half)) < 1e-9)
    #expect(abs(log(interval.upperBound) - (0.2 + half)) < 1e-9)
  }

  /// Two pairs that agree by luck do not confirm a gain of 10%, as noise alone does that; they do confirm 1.5x, and ten
  /// pairs confirm the 10%.
  @Test func fewPairsDoNotConfirmWhatNoiseCanDo() throws {
    func lower(_ speedup: Double, _ count: Int) throws -> Double {
      try #require(ratios(Array(repeating: (speedup, 1), count: count), .throughput).interval).lowerBound
    }
    #expect(try lower(1.10, 2) < 1)
    #expect(try lower(1.5, 2) > 1)
    #expect(try lower(1.10, 10) > 1)
    #expect(try lower(1.25, 1) < 1)
  }

  /// What other processes do to wall times makes larger gains doubtful: 1.4x twice is believed of a quiet machine only.
  @Test func busyMachinesAreBelievedLess() throws {
    func lower(_ speedup: Double, isBusy: Bool) throws -> Double {
      let warnings = isBusy ? ["other processes took 49% of the machine's CPU; wait"] : ["one request"]
      let ratios = PairedRatios(
        candidate: (0..<2).map { block("a", round: $0, .chat, Int(1000 * speedup), warnings: warnings) },
        baseline: (0..<2).map { block("a", round: $0, .chat, 1000) }, objective: .throughput)
      return try #require(ratios.interval).lowerBound
    }
    #expect(try lower(1.4, isBusy: false) > 1)
    #expect(try lower(1.4, isBusy: true) < 1)
    #expect(try lower(2, isBusy: true) > 1)
  }

  /// Nothing measured says nothing; values that are not above zero measured nothing.
  @Test func emptyAndZeroValues() {
    let empty = ratios([(0, 1), (1, 0), (.nan, 1), (.infinity, 1)], .tpot)
    #expect(empty.count == 0 && empty.speedup == nil && empty.interval == nil)
  }

  /// The quantile has the textbook's values, and the expansion joins the table without a step.
  @Test(arguments: [(1, 6.3138), (2, 2.9200), (10, 1.8125), (11, 1.7959), (20, 1.7247), (30, 1.6973), (120, 1.6577)])
  func studentQuantiles(degrees: Int, expected: Double) {
    #expect(abs(PairedRatios.studentQuantile95(degrees: degrees) - expected) < 0.001)
  }

  /// Only completed blocks of the same trial, round and shape are a pair, whatever order they come in.
  @Test func measurementsArePairedByTrialRoundAndShape() throws {
    let baseline = [
      block("a", round: 0, .chat, 10), block("a", round: 1, .chat, 20), block("a", round: 0, .edit, 1000),
      block("b", round: 0, .chat, 1000), block("a", round: 2, .chat, nil),
    ]
    let candidate = [
      block("a", round: 1, .chat, 60), block("a", round: 0, .chat, 30), block("a", round: 2, .chat, 5),
      block("a", round: 3, .chat, 5), block("c", round: 0, .chat, 5), block("b", round: 0, .chat, nil),
    ]
    let ratios = PairedRatios(candidate: candidate, baseline: baseline, objective: .throughput)
    #expect(ratios.count == 2)
    #expect(abs(try #require(ratios.speedup) - 3) < 1e-9)
  }

  /// A completed block with this many tokens in one second; a failed one for nil.
  private func block(
    _ trial: String, round: Int, _ workload: Workload, _ tokens: Int?, warnings: [String] = []
  ) -> Measurement {
    let latency = LatencySummary(meanMS: 1, p50MS: 1, p90MS: 1, p99MS: 1)
    let outcome =
      tokens.map {
        Outcome.completed(
          Metrics(
            requestCount: 1, failedRequestCount: 0, promptTokenCount: 1, outputTokenCount: $0, wallSeconds: 1,
            cpuSeconds: 1, peakMemoryBytes: 1, loadSeconds: 1, ttft: latency, itl: latency, tpot: latency, e2e: latency)
        )
      } ?? .timedOut(afterSeconds: 1)
    return Measurement(
      id: .random("m"), source: .trial(TrialID(trial), benchmark: BenchmarkID("b"), purpose: .paired, round: round),
      worker: WorkerName("w"),
      hardware: HardwareProfile(
        machine: MachineID("m"), processor: "p", coreCount: 1, instructionSets: [], memoryBytes: 1, memoryBandwidth: 1,
        gemmRate: 1),
      model: ModelProfile(
        id: ModelID("m"), name: "m", architecture: "llama", parameterCount: 1, activeParameterCount: 1, layerCount: 1,
        hiddenSize: 1, headCount: 1, keyValueHeadCount: 1, headSize: 1, feedForwardSize: 1, expertCount: 0,
        expertsPerToken: 0, vocabularySize: 1, contextLength: 1, weightType: "F16", weightBytes: 1,
        activeWeightBytes: 1, vocabularyFingerprint: "", variantGroup: ""),
      workload: workload, configuration: EngineConfiguration(engine: EngineName("e")), fidelity: .exact,
      engineVersion: "1", startedAtMS: 0, outcome: outcome, warnings: warnings)
  }
}
