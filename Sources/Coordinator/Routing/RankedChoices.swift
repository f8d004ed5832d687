import Serving

/// A route's choices, best first, with what the router asks of each as plain numbers. An object, because each job looks at
/// its route many times.
final class RankedChoices: Sendable {
  struct Facts: Sendable {
    /// The router's number of the worker.
    var node: Int
    /// Stands for the configuration, and with `engine` for the model too.
    var configuration: UInt64
    var engine: UInt64
    /// Foreseen for a job of the key's lengths, alone on the node.
    var ttft: Double
    var tpot: Double
    /// What the objective counts where it is not time: price or energy.
    var price: Double?
    /// Seconds to load its engine, if the selector says.
    var load: Double?
    /// What its engine is foreseen to take.
    var memoryBytes: Int?
    /// Whether the selector foresaw a time; else it is a second, and a fiction.
    var isForeseen: Bool
  }

  let choices: [RouteChoice]
  let facts: [Facts]
  /// Tokens of the key's prompt.
  let promptTokens: Double
  /// By node: its first choice, -1 for none.
  private let firstOfNode: [Int32]

  init(_ choices: [RouteChoice], facts: [Facts], promptTokens: Int, nodeCount: Int) {
    self.choices = choices
    self.facts = facts
    self.promptTokens = Double(max(1, promptTokens))
    var first = [Int32](repeating: -1, count: nodeCount)
    for place in facts.indices.reversed() { first[facts[place].node] = Int32(place) }
    firstOfNode = first
  }

  func first(of node: Int) -> Int? {
    guard node < firstOfNode.count, firstOfNode[node] >= 0 else { return nil }
    return Int(firstOfNode[node])
  }

  /// The choice with this engine on a node.
  func choice(of node: Int, engine: UInt64) -> Int? {
    guard let first = first(of: node) else { return nil }
    return (first..<facts.count).first { facts[$0].node == node && facts[$0].engine == engine }
  }
}

extension RankedChoices.Facts {
  /// What nobody foresees is taken for a second, a fifth of it reading: then all are equal, and the ranking decides.
  init(_ choice: RouteChoice, node: Int, key: RouteKey, load: Double?) {
    let predicted = choice.predicted
    let gaps = Double(max(1, key.outputTokens - 1))
    let e2e = predicted.e2eMS.map { $0 / 1000 }
    var ttft = predicted.ttftMS.map { $0 / 1000 }
    var tpot = predicted.tpotMS.map { $0 / 1000 }
    if ttft == nil, let e2e { ttft = tpot.map { max(0, e2e - $0 * gaps) } ?? e2e / 5 }
    if tpot == nil, let e2e, let ttft { tpot = max(0, e2e - ttft) / gaps }
    let configuration = StableHash.of(choice.candidate.configuration.fingerprint)
    self.init(
      node: node, configuration: configuration, engine: configuration ^ StableHash.of(key.model.rawValue),
      ttft: ttft ?? 0.2, tpot: tpot ?? 0.8 / gaps,
      price: [.cost, .energy].contains(key.objective) ? predicted.value(key.objective) : nil, load: load,
      memoryBytes: predicted.memoryBytes, isForeseen: ttft != nil && tpot != nil)
  }
}
