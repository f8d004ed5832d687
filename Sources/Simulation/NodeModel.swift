/// A node of a simulated cluster: what a request costs there.
///
/// Jobs on a node share it: beside k-1 others each goes on at 1 / (1 + contention (k-1)) of its speed alone, as requests
/// in a continuous batch do. A request reads its prompt, then writes its tokens.
public struct NodeModel: Hashable, Sendable {
  public var name: String
  /// Tokens of prompt read per second by a request alone, above 0.
  public var prefillRate: Double
  /// Tokens written per second by a request alone, above 0.
  public var decodeRate: Double
  /// Jobs at once, at least 1.
  public var slotCount: Int
  /// What each job beside it adds to a job's time, 0 or more: 1 is turns, 0 is room for all.
  public var contention: Double
  /// Seconds until an engine is loaded.
  public var loadSeconds: Double
  /// Tokens its engine's prefix cache holds; 0 for none.
  public var cacheTokens: Int
  /// Engines loaded at once, at least 1.
  public var engineLimit: Int

  public init(
    name: String, prefillRate: Double, decodeRate: Double, slotCount: Int = 4, contention: Double = 0.15,
    loadSeconds: Double = 10, cacheTokens: Int = 200_000, engineLimit: Int = 1
  ) {
    precondition(prefillRate > 0 && decodeRate > 0 && slotCount >= 1 && contention >= 0 && engineLimit >= 1)
    self.name = name
    self.prefillRate = prefillRate
    self.decodeRate = decodeRate
    self.slotCount = slotCount
    self.contention = contention
    self.loadSeconds = loadSeconds
    self.cacheTokens = cacheTokens
    self.engineLimit = engineLimit
  }

  /// Seconds of a request alone on the node, nothing cached.
  public func seconds(promptTokens: Double, outputTokens: Double) -> Double {
    promptTokens / prefillRate + max(0, outputTokens - 1) / decodeRate
  }

  /// Requests of these lengths that the node ends per second when all its places are taken.
  public func capacity(promptTokens: Double, outputTokens: Double) -> Double {
    let slots = Double(slotCount)
    return slots / (1 + contention * (slots - 1)) / seconds(promptTokens: promptTokens, outputTokens: outputTokens)
  }
}

extension [NodeModel] {
  /// A pool of nodes whose speeds are to each other as `speeds`, in turns until there are `count`. The slowest speed that
  /// can be named, 1, reads 1000 tokens per second and writes 20, about what a small GPU does with a model of 8 billion
  /// parameters.
  public static func pool(speeds: [Double], count: Int, slotCount: Int = 4, loadSeconds: Double = 10) -> [NodeModel] {
    (0..<count).map { place in
      let speed = speeds[place % speeds.count]
      return NodeModel(
        name: "node-\(place + 1)", prefillRate: 1000 * speed, decodeRate: 20 * speed, slotCount: slotCount,
        loadSeconds: loadSeconds)
    }
  }
}

/// What happens to a node on the way.
public struct NodeFault: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Everything takes so many times as long from then on.
    case slow(Double)
    /// Gone, with all it was doing.
    case fail
    /// Comes, or comes back; a node whose first fault this is is not there before.
    case join
  }

  /// Place in the cluster.
  public var node: Int
  /// On the simulation's clock.
  public var seconds: Double
  public var kind: Kind

  public init(node: Int, seconds: Double, kind: Kind) {
    self.node = node
    self.seconds = seconds
    self.kind = kind
  }
}
