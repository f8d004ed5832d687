import Serving
import Testing

@testable import ExpertPlacement

@Suite("Profiles and drift") struct ProfileTests {
  /// The load that was planned for is no drift; its mirror image is, and it is said why; a handful of tokens say nothing.
  @Test func driftIsSeen() throws {
    let planned = try ExpertLoad([(0..<8).map { 1000 / Double($0 + 1) }, (0..<8).map { 1000 / Double($0 + 1) }])
    let mirrored = try ExpertLoad([(0..<8).map { 1000 / Double($0 + 1) }, (0..<8).map { 1000 / Double(8 - $0) }])
    let problem = try PlacementProblem(load: planned, cluster: .equal(hostCount: 4, slotCount: 12))
    let plan = try EPLB().plan(problem)
    let same = LoadDrift(plan, planned: planned, observed: planned, cluster: problem.cluster)
    #expect(same.reason == nil && same.balance == 1 && abs(same.correlation - 1) < 1e-9)
    let drift = LoadDrift(plan, planned: planned, observed: mirrored, cluster: problem.cluster)
    #expect(drift.worstLayer == 1 && drift.correlation < 0.5 && drift.balance < 0.9)
    #expect(drift.reason?.contains("layer 1") == true)
    let few = try ExpertLoad([(0..<8).map { $0 == 7 ? 4 : 0 }, (0..<8).map { $0 == 7 ? 4 : 0 }])
    #expect(LoadDrift(plan, planned: planned, observed: few, cluster: problem.cluster).reason == nil)
  }

  /// Each task has its own profile, in which old observations fade.
  @Test func profilesFade() throws {
    var profiles = TaskProfiles(decay: 0.5)
    try profiles.observe(.load(ExpertLoad([[8, 0]])), task: "law")
    try profiles.observe(.load(ExpertLoad([[0, 2]])), task: "law")
    try profiles.observe(.load(ExpertLoad([[1, 1]])), task: "chat")
    #expect(try profiles.profiles["law"]?.load == ExpertLoad([[4, 2]]))
    #expect(try profiles.profiles["chat"]?.load == ExpertLoad([[1, 1]]))
    #expect(throws: ApusError.self) { try profiles.observe(.load(ExpertLoad([[1, 1, 1]])), task: "law") }
  }

  /// Pairs and transitions of a trace: experts 0 and 1 go together in layer 0, and both go on to 2 and 3.
  @Test func profilesKnowPairs() throws {
    let trace = try RoutingTrace(layerCount: 2, topK: 2, expertCount: 4, experts: [0, 1, 0, 1, 2, 3, 2, 3])
    var profiles = TaskProfiles(decay: 0.5)
    try profiles.observe(.trace(trace), task: "law")
    try profiles.observe(.trace(trace), task: "law")
    let profile = try #require(profiles.profiles["law"])
    #expect(profile.coActivation?[0].partners[0] == [SparsePairs.Pair(other: 1, count: 3)])
    #expect(profile.coActivation?[0].partners[2] == [])
    #expect(profile.transitions?.count == 1)
    let next = profile.transitions?[0].partners[1].map(\.other)
    #expect(next == [2, 3])
  }

  /// The task that was seen least makes room.
  @Test func profilesAreBounded() throws {
    var profiles = TaskProfiles()
    for number in 0...TaskProfiles.taskLimit {
      try profiles.observe(.load(ExpertLoad([[Double(number + 1), 1]])), task: "task-\(number)")
    }
    #expect(profiles.profiles.count == TaskProfiles.taskLimit && profiles.profiles["task-0"] == nil)
  }
}
