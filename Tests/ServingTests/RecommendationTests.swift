import Serving
import Testing

@Suite struct RecommendationTests {
  private func candidate(_ slots: Int?, _ fidelity: Fidelity, _ refusedReason: String?) -> RankedCandidate {
    let configuration = EngineConfiguration(
      engine: EngineName("e"), knobs: slots.map { [.slotCount: .int($0)] } ?? [:])
    return RankedCandidate(
      candidate: Candidate(configuration: configuration, fidelity: fidelity, refusedReason: refusedReason),
      worker: WorkerName("w"))
  }

  @Test("Why nothing can run is why the default cannot, else why what keeps the output cannot")
  func refusal() {
    let approximate = candidate(8, .approximate, "may change the output")
    let slots = candidate(4, .exact, "four slots are too slow")
    let plain = candidate(nil, .exact, "the default is too slow")
    func refusal(_ candidates: [RankedCandidate]) -> String? {
      Recommendation(decision: .default, candidates: candidates).refusal
    }
    #expect(refusal([approximate, slots, plain]) == "the default is too slow")
    #expect(refusal([approximate, slots]) == "four slots are too slow")
    #expect(refusal([approximate]) == "may change the output")
    #expect(refusal([]) == nil && refusal([candidate(nil, .exact, nil)]) == nil)
  }
}
