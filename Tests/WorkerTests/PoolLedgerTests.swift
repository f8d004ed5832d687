import Serving
import Testing

@testable import Worker

@Suite("PoolLedger") struct PoolLedgerTests {
  private func request(_ name: Character, slots: Int = 1, megabytes: Int = 100) -> PoolLedger.Request {
    PoolLedger.Request(
      key: EngineKey(
        model: Fixtures.model(name).id, configuration: Fixtures.candidate().configuration, contextTokens: 2048),
      slotCount: slots, memoryBytes: megabytes << 20)
  }

  private func ledger(engines: Int = 2, megabytes: Int = 1000) -> PoolLedger {
    PoolLedger(engineLimit: engines, memoryLimitBytes: megabytes << 20)
  }

  /// Jobs of one kind share an engine up to its slots, and the next waits for one of them.
  @Test func sharesSlots() throws {
    var ledger = ledger()
    let tickets = (0..<3).map { _ in ledger.ask(request("a", slots: 2)) }
    let grants = ledger.grants()
    #expect(grants.map(\.ticket) == Array(tickets.prefix(2)))
    #expect(grants.map(\.starts) == [true, false])
    #expect(Set(grants.map(\.engine)).count == 1)
    ledger.release(grants[0].engine, measuredBytes: nil)
    #expect(ledger.grants().map(\.ticket) == [tickets[2]])
  }

  /// The engine that was unused the longest makes room, whatever the order of starting.
  @Test func evictsTheLongestUnused() throws {
    var ledger = ledger()
    _ = ledger.ask(request("a"))
    _ = ledger.ask(request("b"))
    let loaded = ledger.grants()
    ledger.release(loaded[0].engine, measuredBytes: nil)
    ledger.release(loaded[1].engine, measuredBytes: nil)
    _ = ledger.ask(request("a"))
    let again = ledger.grants()
    #expect(again.map(\.starts) == [false])
    ledger.release(again[0].engine, measuredBytes: nil)
    _ = ledger.ask(request("c"))
    let grant = try #require(ledger.grants().first)
    #expect(grant.evicted == [loaded[1].engine])
  }

  /// Memory bounds the engines too, by what they were measured to take once that is known.
  @Test func memory() throws {
    var ledger = ledger(engines: 10, megabytes: 250)
    _ = ledger.ask(request("a"))
    let first = ledger.grants()[0].engine
    ledger.release(first, measuredBytes: 200 << 20)
    _ = ledger.ask(request("b"))
    #expect(ledger.grants().first?.evicted == [first])
    // One that is larger than everything there is waits until it is alone, and then is tried.
    let huge = ledger.ask(request("h", megabytes: 5000))
    #expect(ledger.grants().isEmpty)
    ledger.release(ledger.keys.keys.first!, measuredBytes: nil)
    #expect(ledger.grants().map(\.ticket) == [huge])
  }

  /// Whoever waits for room is not overtaken for ever by jobs of the engines that are loaded.
  @Test func roomIsNotStarved() {
    var ledger = ledger(engines: 1)
    _ = ledger.ask(request("a", slots: 2))
    let engine = ledger.grants()[0].engine
    let other = ledger.ask(request("b"))
    let late = ledger.ask(request("a", slots: 2))
    // There is a free slot, but the job before needs the room.
    #expect(ledger.grants().isEmpty)
    ledger.release(engine, measuredBytes: nil)
    #expect(ledger.grants().map(\.ticket) == [other])
    #expect(ledger.waitingCount == 1)
    ledger.release(ledger.keys.keys.first!, measuredBytes: nil)
    #expect(ledger.grants().map(\.ticket) == [late])
  }

  /// A job that waits for a slot of its own engine holds up nobody else.
  @Test func slotWaitersHoldNobodyUp() {
    var ledger = ledger(engines: 2)
    _ = ledger.ask(request("a"))
    _ = ledger.grants()
    _ = ledger.ask(request("a"))
    let other = ledger.ask(request("b"))
    #expect(ledger.grants().map(\.ticket) == [other])
  }

  @Test func withdrawnAndRemoved() {
    var ledger = ledger(engines: 1)
    _ = ledger.ask(request("a"))
    let engine = ledger.grants()[0].engine
    let waiting = ledger.ask(request("b"))
    ledger.withdraw(waiting)
    ledger.remove(engine)
    // Giving back an engine that crashed meanwhile does nothing.
    ledger.release(engine, measuredBytes: 5)
    #expect(ledger.grants().isEmpty)
    #expect(ledger.keys.isEmpty)
  }

  @Test func removesOnlyTheIdle() {
    var ledger = ledger()
    _ = ledger.ask(request("a"))
    _ = ledger.ask(request("b"))
    let grants = ledger.grants()
    ledger.release(grants[0].engine, measuredBytes: nil)
    #expect(ledger.removeIdle() == [grants[0].engine])
    #expect(Array(ledger.keys.keys) == [grants[1].engine])
  }

  /// Knobs make the key, not the names of the methods they came from.
  @Test func keysAreKnobs() {
    let plain = EngineConfiguration(engine: Fixtures.engine, knobs: [.slotCount: .int(8)])
    let named = EngineConfiguration(engine: Fixtures.engine, methods: [MethodName("x")], knobs: [.slotCount: .int(8)])
    let model = Fixtures.model().id
    let key = EngineKey(model: model, configuration: plain, contextTokens: 1)
    #expect(key == EngineKey(model: model, configuration: named, contextTokens: 1))
    #expect(key != EngineKey(model: model, configuration: plain, contextTokens: 2))
    #expect(key.hashValue == EngineKey(model: model, configuration: named, contextTokens: 1).hashValue)
  }

  /// Property, over seeded orders of events: engines and memory stay within their limits, no engine serves more jobs
  /// than it has slots, and everybody who asked is served in the end.
  @Test(arguments: 0..<50) func neverOverItsLimits(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var ledger = PoolLedger(engineLimit: 3, memoryLimitBytes: 400 << 20)
    var users: [Int: Int] = [:]
    var asked: Set<Int> = []
    var served: Set<Int> = []
    func take(_ grants: [PoolLedger.Grant]) {
      for grant in grants {
        for evicted in grant.evicted { #expect(users[evicted, default: 0] == 0, "seed \(seed)") }
        #expect(served.insert(grant.ticket).inserted, "seed \(seed): served twice")
        users[grant.engine, default: 0] += 1
      }
      #expect(ledger.keys.count <= 3, "seed \(seed)")
    }
    for _ in 0..<200 {
      if Bool.random(using: &random) {
        let name = "abcdef".randomElement(using: &random)!
        asked.insert(ledger.ask(request(name, slots: 2, megabytes: 130)))
      } else if let busy = users.filter({ $0.value > 0 }).keys.sorted().randomElement(using: &random) {
        users[busy]! -= 1
        ledger.release(busy, measuredBytes: nil)
      }
      take(ledger.grants())
      #expect(users.values.allSatisfy { $0 <= 2 }, "seed \(seed)")
    }
    while let busy = users.filter({ $0.value > 0 }).keys.min() {
      users[busy]! -= 1
      ledger.release(busy, measuredBytes: nil)
      take(ledger.grants())
    }
    #expect(served == asked, "seed \(seed): somebody was never served")
  }

  /// What nobody asked for takes only room that nobody needs.
  @Test func addsOnlyIntoRoom() throws {
    var ledger = ledger(engines: 2, megabytes: 250)
    let added = ledger.add(request("a"))
    let own = try #require(added)
    #expect(ledger.add(request("a")) == nil, "it is there")
    #expect(ledger.add(request("b", megabytes: 200)) == nil, "no memory")
    let ticket = ledger.ask(request("a"))
    #expect(ledger.grants() == [PoolLedger.Grant(ticket: ticket, engine: own, starts: false, evicted: [])])
    #expect(ledger.add(request("b")) == nil, "one is in use")
    ledger.release(own, measuredBytes: nil)
    #expect(ledger.add(request("b")) != nil)
    #expect(ledger.add(request("c", megabytes: 1)) == nil, "two are the limit")
  }

  /// It makes room before an engine that served, also while it is being ended; then it serves nobody.
  @Test func abandons() throws {
    var ledger = ledger(engines: 2)
    _ = ledger.ask(request("a"))
    let used = ledger.grants()[0].engine
    ledger.release(used, measuredBytes: nil)
    let added = ledger.add(request("b"))
    let unasked = try #require(added)
    ledger.abandon(unasked)
    #expect(ledger.keys.keys.sorted() == [used])
    let ticket = ledger.ask(request("b"))
    let grant = ledger.grants()[0]
    #expect(grant.ticket == ticket && grant.starts && grant.evicted == [unasked])
  }
}
