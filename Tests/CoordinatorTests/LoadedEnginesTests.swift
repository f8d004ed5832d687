import Testing

@testable import Coordinator

/// What a node has loaded, as far as a router can tell from what it sends there and what heartbeats say.
@Suite("The engines a node has loaded")
struct LoadedEnginesTests {
  private func engines(heard: [UInt64]) -> LoadedEngines {
    var engines = LoadedEngines()
    engines.hear(heard) { _ in false }
    return engines
  }

  @Test("One that was only heard of is taken for whoever asks for its configuration, until it serves one model")
  func heard() {
    var engines = engines(heard: [7])
    #expect(engines.has(1, configuration: 7) && engines.has(2, configuration: 7))
    #expect(!engines.has(1, configuration: 8))
    engines.serve(1, configuration: 7, readyAt: 0, at: 0)
    #expect(engines.has(1, configuration: 7) && !engines.has(2, configuration: 7))
  }

  @Test("A load puts the longest unused engine out at once, as many being left as were heard to be loaded together")
  func putsOut() {
    var one = engines(heard: [1])
    #expect(one.leastUsed?.configuration == 1)
    one.serve(2, configuration: 2, readyAt: 10, at: 0)
    #expect(!one.has(1, configuration: 1) && one.has(2, configuration: 2))

    var two = engines(heard: [1, 2])
    two.serve(1, configuration: 1, readyAt: 0, at: 1)
    two.serve(2, configuration: 2, readyAt: 0, at: 2)
    two.serve(1, configuration: 1, readyAt: 0, at: 3)
    #expect(two.leastUsed?.engine == 2)
    two.serve(3, configuration: 3, readyAt: 14, at: 4)
    #expect(two.has(1, configuration: 1) && !two.has(2, configuration: 2))

    #expect(engines(heard: []).leastUsed == nil, "an empty node has room for one")
  }

  @Test("A node that says what memory its engines may take has room for as many as fit, whatever was heard")
  func room() {
    var engines = engines(heard: [1])
    engines.memoryBytes = 1000
    #expect(engines.leastUsed?.configuration == 1, "how large they are is not known yet")
    engines.serve(1, configuration: 1, readyAt: 0, bytes: 300, at: 0)
    #expect(engines.leastUsed == nil)
    engines.serve(2, configuration: 2, readyAt: 0, bytes: 100, at: 1)
    #expect(engines.has(1, configuration: 1) && engines.leastUsed?.engine == 1, "two of the larger kind fit")
    engines.serve(3, configuration: 3, readyAt: 0, bytes: 900, at: 2)
    #expect(engines.engines.map(\.engine) == [3], "one of these")
  }

  @Test("One that loads is known with the time it is ready, and stays while heartbeats do not name it yet")
  func loads() {
    var engines = engines(heard: [1])
    engines.serve(2, configuration: 2, readyAt: 10, at: 0)
    engines.hear([1]) { $0 == 2 }
    #expect(engines.loaded(2, configuration: 2)?.readyAt == 10)
    #expect(!engines.has(1, configuration: 1), "it goes as soon as it is idle")
    // Nobody waits for it any more, and it is not there: its load failed or was given up.
    engines.hear([1]) { _ in false }
    #expect(!engines.has(2, configuration: 2) && engines.has(1, configuration: 1))
  }

  @Test(
    "One that is loaded for nobody in particular is there when it is heard of, and gone when it is not, twice in a row")
  func warmsUp() {
    var engines = engines(heard: [])
    engines.warm(1, configuration: 1, readyAt: 10)
    #expect(engines.loaded(1, configuration: 1)?.readyAt == 10 && engines.warming?.engine == 1)
    for warming in [nil, 1, nil] as [UInt64?] { #expect(engines.hear([], warming: warming) { _ in false } == nil) }
    #expect(engines.warming?.engine == 1)
    var heard = engines
    #expect(heard.hear([1]) { _ in false } == nil)
    #expect(heard.warming == nil && heard.loaded(1, configuration: 1)?.readyAt == 0)
    #expect(engines.hear([]) { _ in false } == 1)
    #expect(engines.engines.isEmpty)
  }

  @Test("Two models' engines of one configuration are told apart by how many are heard of")
  func warmsUpAlike() {
    var engines = engines(heard: [7])
    engines.memoryBytes = 1000
    engines.serve(1, configuration: 7, readyAt: 0, bytes: 100, at: 0)
    #expect(engines.hasRoom(for: 100) && !engines.hasRoom(for: 900))
    engines.warm(2, configuration: 7, readyAt: 10, bytes: 100)
    engines.hear([7], warming: 7) { _ in false }
    #expect(engines.warming?.engine == 2)
    engines.hear([7, 7]) { _ in false }
    #expect(engines.warming == nil && engines.has(1, configuration: 7) && engines.has(2, configuration: 7))
  }

  @Test("A job for another engine ends it at once; one for it makes it its own")
  func givesWay() {
    var engines = engines(heard: [])
    engines.warm(1, configuration: 1, readyAt: 10)
    var other = engines
    other.serve(2, configuration: 2, readyAt: 5, at: 1)
    #expect(other.engines.map(\.engine) == [2])
    engines.serve(1, configuration: 1, readyAt: 10, at: 1)
    #expect(engines.warming == nil && engines.loaded(1, configuration: 1)?.readyAt == 10)
  }

  @Test("Loading takes what it took, of an engine that was never loaded what others took")
  func seconds() {
    var engines = LoadedEngines()
    #expect(engines.loadSeconds(1) == nil)
    engines.learn(1, loadSeconds: 4)
    #expect(engines.loadSeconds(2) == 4 && engines.ownLoadSeconds(2) == nil)
    engines.learn(1, loadSeconds: .nan)
    #expect(engines.ownLoadSeconds(1) == 4)
    #expect(LoadedEngines(loadSeconds: engines).ownLoadSeconds(1) == 4)
  }
}
