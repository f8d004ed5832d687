import Testing

@testable import Serving

@Suite("A Pareto front holds what nothing else beats in everything")
struct ParetoFrontTests {
  private func candidate(
    ttft: Double? = 100, throughput: Double? = 10, memory: Int? = 1000, fidelity: Fidelity = .exact,
    divergence: Double? = nil, refused: String? = nil
  ) -> RankedCandidate {
    var candidate = Candidate(configuration: EngineConfiguration(engine: EngineName("engine")), fidelity: fidelity)
    candidate.refusedReason = refused
    return RankedCandidate(
      candidate: candidate, worker: WorkerName("node"),
      predicted: PredictedMetrics(ttftMS: ttft, throughput: throughput, memoryBytes: memory),
      quality: divergence.map {
        QualityLoss(
          positionCount: 10, topAgreement: 0.9, decisiveMismatchCount: 1, divergence: $0, probeVersion: 1)
      })
  }

  private func places(_ candidates: [RankedCandidate], _ axes: [FrontAxis] = FrontAxis.usual) -> [Int] {
    ParetoFront(candidates, axes: axes).places
  }

  @Test("What pays for a gain with another figure stays, what gains nothing leaves; the first axis orders")
  func tradeOffs() {
    let candidates = [
      candidate(), candidate(ttft: 50, throughput: 5), candidate(ttft: 100, throughput: 9), candidate(memory: 500),
      candidate(ttft: 40, throughput: 30, memory: 2000), candidate(ttft: 1, throughput: 99, memory: 1, refused: "no"),
    ]
    #expect(places(candidates) == [4, 1, 3])
    #expect(places(candidates, [.throughput]) == [4])
    #expect(places(candidates, [.memory]) == [3])
  }

  @Test("Figures within a per cent are equal, and of equals the first stays")
  func ties() {
    #expect(places([candidate(), candidate(ttft: 100.1, throughput: 10.01), candidate()]) == [0])
    #expect(places([candidate(ttft: 100), candidate(ttft: 97)]) == [1])
  }

  @Test("An approximate strategy is weighed by what it was measured to lose; unmeasured it is left out and counted")
  func quality() {
    let candidates = [
      candidate(), candidate(ttft: 50, fidelity: .approximate, divergence: 0.02),
      candidate(ttft: 10, fidelity: .approximate), candidate(ttft: 60, fidelity: .approximate, divergence: 0.5),
    ]
    let front = ParetoFront(candidates, axes: FrontAxis.usual)
    #expect(front.places == [1, 0] && front.incomparableCount == 1)
    #expect(places(candidates, [.ttft]) == [2])
  }

  @Test("A figure that no candidate has is not weighed and named; one that some lack leaves those out")
  func unknown() {
    let front = ParetoFront([candidate(), candidate(memory: nil)], axes: [.energy, .ttft, .memory])
    #expect(front.axes == [.ttft, .memory] && front.unknownAxes == [.energy])
    #expect(front.places == [0] && front.incomparableCount == 1)
    let nothing = ParetoFront([candidate(), candidate()], axes: [.energy, .cost])
    #expect(nothing == ParetoFront(axes: [], unknownAxes: [.energy, .cost], places: [], incomparableCount: 2))
    #expect(
      ParetoFront([], axes: FrontAxis.usual) == ParetoFront(axes: [], unknownAxes: FrontAxis.usual, places: []))
  }
}
