import Serving
import Testing

@testable import ExpertPlacement

@Suite("EPLB") struct EPLBTests {
  /// The example that deepseek-ai/EPLB publishes in its README, with its output.
  @Test func publishedExample() throws {
    let weights: [[Float]] = [
      [90, 132, 40, 61, 104, 165, 39, 4, 73, 56, 183, 86], [20, 107, 104, 64, 19, 197, 187, 157, 172, 86, 16, 27],
    ]
    let balancer = EPLB(hierarchy: try EPLB.Hierarchy(groupCount: 4, nodeCount: 2))
    let slots = try weights.map { try balancer.slots($0, rooms: [Int](repeating: 2, count: 8)) }
    #expect(
      slots == [
        [5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1], [7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1],
      ])
  }

  /// A host that would have one expert twice gets another, each such copy is counted, and the load stays as even.
  @Test func duplicatesAreRepaired() throws {
    let load = try ExpertLoad([[100, 1, 1, 1], [1, 1, 1, 1]])
    let problem = try PlacementProblem(load: load, cluster: .equal(hostCount: 2, slotCount: 8))
    let slots = try EPLB().slots([100, 1, 1, 1], rooms: [4, 4])
    #expect(Set(slots[..<4]).count < 4 || Set(slots[4...]).count < 4, "the example has no duplicate any more")
    let plan = try EPLB().plan(problem)
    try plan.validate(for: problem.cluster)
    #expect(plan.duplicatesRepaired > 0)
    #expect(Balancedness(plan, load: load, cluster: problem.cluster).least > 0.99)
  }

  /// Slots that do not divide evenly are used all the same.
  @Test func anyNumberOfSlots() throws {
    let load = try ExpertLoad([(1...10).map { Double($0 * $0) }])
    for slotCount in 10...17 {
      let problem = try PlacementProblem(load: load, cluster: .equal(hostCount: 4, slotCount: slotCount))
      let plan = try EPLB().plan(problem)
      try plan.validate(for: problem.cluster)
      #expect(plan.replicas[0]?.reduce(0, +) == slotCount)
    }
  }

  /// Groups that cannot be spread evenly are refused in words.
  @Test func unevenHierarchyIsRefused() throws {
    #expect(throws: ApusError.self) { try EPLB.Hierarchy(groupCount: 3, nodeCount: 2) }
    let uneven = EPLB(hierarchy: try EPLB.Hierarchy(groupCount: 4, nodeCount: 2))
    #expect(throws: ApusError.self) { try uneven.slots([1, 2, 3, 4, 5], rooms: [2, 2, 2]) }
  }
}
