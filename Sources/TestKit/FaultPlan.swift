import Serving

/// Which messages are lost, doubled or held back, from a seed: the same seed spoils the same messages.
///
/// A held message is let go after a number of later messages, so there is no clock, and it arrives out of order.
public struct FaultPlan: Sendable {
  public var dropShare: Double
  public var doubleShare: Double
  public var holdShare: Double
  /// Most later messages that overtake a held one, at least 1.
  public var mostOvertaking: Int
  private var generator: SeededGenerator

  public init(
    seed: UInt64, dropShare: Double = 0, doubleShare: Double = 0, holdShare: Double = 0, mostOvertaking: Int = 3
  ) {
    precondition(dropShare + doubleShare + holdShare <= 1 && mostOvertaking >= 1, "shares add up to at most 1")
    self.dropShare = dropShare
    self.doubleShare = doubleShare
    self.holdShare = holdShare
    self.mostOvertaking = mostOvertaking
    generator = SeededGenerator(seed: seed)
  }

  enum Fate: Hashable {
    case drop, double, pass
    /// Until so many later messages have passed.
    case hold(Int)
  }

  mutating func nextFate() -> Fate {
    let draw = Double.random(in: 0..<1, using: &generator)
    if draw < dropShare { return .drop }
    if draw < dropShare + doubleShare { return .double }
    if draw < dropShare + doubleShare + holdShare {
      return .hold(Int.random(in: 1...mostOvertaking, using: &generator))
    }
    return .pass
  }
}

/// Puts a plan into effect on one direction of a connection. Pure.
struct FaultyLine<Item> {
  private var plan: FaultPlan
  private var held: [(item: Item, remaining: Int)] = []
  private(set) var droppedCount = 0

  init(_ plan: FaultPlan) { self.plan = plan }

  /// What comes out now that `item` went in: none, one or several.
  mutating func pass(_ item: Item) -> [Item] {
    var out: [Item] = []
    switch plan.nextFate() {
    case .drop: droppedCount += 1
    case .double: out = [item, item]
    case .pass: out = [item]
    case .hold(let count):
      held.append((item, count + 1))
    }
    for index in held.indices { held[index].remaining -= 1 }
    out += held.filter { $0.remaining <= 0 }.map(\.item)
    held.removeAll { $0.remaining <= 0 }
    return out
  }

  /// Everything still held, as when a delayed network catches up.
  mutating func release() -> [Item] {
    defer { held = [] }
    return held.map(\.item)
  }
}
