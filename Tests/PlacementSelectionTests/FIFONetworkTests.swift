import Testing

@testable import PlacementSimulation

@Suite("Event simulation of queues") struct FIFONetworkTests {
  private static func end(_ build: (inout FIFONetwork, Int) -> Void) -> Double {
    var network = FIFONetwork(serverCount: 2, seed: 1)
    let end = network.addGate()
    build(&network, end)
    return network.run(until: end)
  }

  /// Two jobs at one server take turns; at two servers they run side by side.
  @Test func jobsQueue() {
    let queued = Self.end { network, end in
      for _ in 0..<2 { network.add([FIFONetwork.Stage(server: 0, seconds: 3)], leadingTo: end) }
    }
    let parallel = Self.end { network, end in
      for server in 0..<2 { network.add([FIFONetwork.Stage(server: server, seconds: 3)], leadingTo: end) }
    }
    #expect(queued == 6 && parallel == 3)
  }

  /// The second job is at the first server while the first is on the wire and at the second one: 2 + 1 + 5, then 5 more.
  @Test func stagesOverlap() {
    let seconds = Self.end { network, end in
      for _ in 0..<2 {
        network.add(
          [
            FIFONetwork.Stage(server: 0, seconds: 2, delaySeconds: 1), FIFONetwork.Stage(server: 1, seconds: 5),
          ], leadingTo: end)
      }
    }
    #expect(seconds == 13)
  }

  /// What waits for a gate begins when the last job before it has ended.
  @Test func gatesWaitForAll() {
    let seconds = Self.end { network, end in
      let gate = network.addGate()
      network.add([FIFONetwork.Stage(server: 0, seconds: 2)], leadingTo: gate)
      network.add([FIFONetwork.Stage(server: 1, seconds: 7)], leadingTo: gate)
      network.add([FIFONetwork.Stage(server: 0, seconds: 1)], after: gate, leadingTo: end)
    }
    #expect(seconds == 8)
  }

  /// Work for others takes about its share of a server's time: 1,000 seconds of ours take about 1,250 beside a fifth.
  @Test func backgroundTakesItsShare() {
    let seconds = Self.end { network, end in
      network.add(FIFONetwork.Background(utilization: 0.2, jobSeconds: 0.5), to: 0)
      network.add(
        [FIFONetwork.Stage](repeating: FIFONetwork.Stage(server: 0, seconds: 0.1), count: 10_000), leadingTo: end)
    }
    #expect((1200...1300).contains(seconds), "\(seconds)")
  }

  /// One who comes at any time waits as the theory of queues says (M/D/1, Pollaczek and Khinchine): utilization x service /
  /// (2 x (1 - utilization)), here 0.0625 seconds in the mean.
  @Test func waitsAsTheorySays() {
    let waits = (0..<4000 as Range<UInt64>).map { seed in
      var network = FIFONetwork(serverCount: 1, seed: seed)
      let end = network.addGate()
      network.add(FIFONetwork.Background(utilization: 0.2, jobSeconds: 0.5), to: 0)
      network.add([FIFONetwork.Stage(server: 0, seconds: 0)], leadingTo: end)
      return network.run(until: end)
    }
    let mean = waits.reduce(0, +) / Double(waits.count)
    #expect((0.055...0.07).contains(mean), "\(mean)")
  }
}
