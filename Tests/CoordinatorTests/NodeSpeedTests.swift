import Testing

@testable import Coordinator

@Suite("What outcomes say of a node's speed")
struct NodeSpeedTests {
  /// A node that has taken as long as foreseen for a while.
  private func settled() -> NodeSpeed {
    var speed = NodeSpeed()
    for place in 0..<30 { speed.learn(ratio: 1, beside: 0, tokens: 256, at: Double(place)) }
    return speed
  }

  @Test(
    "A node that slows or recovers is known after six outcomes, and to a tenth after fifteen", arguments: [0.5, 2])
  func shift(factor: Double) {
    var speed = settled()
    for place in 0..<15 {
      speed.learn(ratio: factor, beside: 0, tokens: 256, at: Double(30 + place))
      if place == 5 { #expect(abs(speed.factor(beside: 0) - 1) > 0.8 * abs(factor - 1)) }
    }
    #expect(abs(speed.factor(beside: 0) / factor - 1) < 0.1)
  }

  @Test("Outcomes that are off to both sides are no change of the node, and neither is a single one")
  func noise() {
    var speed = settled()
    for place in 0..<100 {
      speed.learn(ratio: place % 2 == 0 ? 0.75 : 1.3, beside: 0, tokens: 256, at: Double(30 + place))
      #expect(abs(speed.factor(beside: 0) - 1.02) < 0.08)
    }
    speed = settled()
    speed.learn(ratio: 3, beside: 0, tokens: 256, at: 31)
    #expect(speed.factor(beside: 0) < 1.2)
  }

  @Test("A short first job says little, a long one more")
  func lengths() {
    var speed = NodeSpeed()
    speed.learn(ratio: 1.64, beside: 0, tokens: 20, at: 1)
    #expect(speed.factor(beside: 0) > 1.03 && speed.factor(beside: 0) < 1.1)
    speed = NodeSpeed()
    speed.learn(ratio: 1.64, beside: 0, tokens: 2000, at: 1)
    #expect(speed.factor(beside: 0) > 1.18 && speed.factor(beside: 0) < 1.3)
    // Many short ones say it all the same.
    for place in 0..<300 { speed.learn(ratio: 1.64, beside: 0, tokens: 20, at: Double(place)) }
    #expect(abs(speed.factor(beside: 0) - 1.64) < 0.05)
  }

  @Test("Silence forgets: a node that was slow an hour ago is tried again")
  func forgets() {
    var speed = NodeSpeed()
    for place in 0..<20 { speed.learn(ratio: 5, beside: 0, tokens: 256, at: Double(place)) }
    #expect(speed.factor(beside: 0) > 4)
    speed.age(at: 20 + 10 * NodeSpeed.halfLife)
    #expect(speed.factor(beside: 0) < 1.5)
  }

  @Test("How jobs slow each other is learned as a slope")
  func slope() {
    var speed = NodeSpeed()
    for place in 0..<60 {
      let beside = Double(place % 4)
      speed.learn(ratio: 1.2 + 0.5 * beside, beside: beside, tokens: 1000, at: Double(place))
    }
    #expect(abs(speed.factor(beside: 0) - 1.2) < 0.15)
    #expect(abs(speed.factor(beside: 3) - 2.7) < 0.15)
  }

  @Test("What makes no sense is not learned")
  func nonsense() {
    var speed = settled()
    for (ratio, tokens) in [(0, 10), (-1, 10), (.nan, 10), (.infinity, 10), (9, 0)] as [(Double, Double)] {
      speed.learn(ratio: ratio, beside: 0, tokens: tokens, at: 40)
    }
    #expect(speed.count == 30)
  }
}
