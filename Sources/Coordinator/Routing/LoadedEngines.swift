/// Which engines a node has loaded or is loading, which of them a load would put out, and how long loading took.
struct LoadedEngines: Sendable {
  struct Engine: Sendable {
    /// Stands for the model too; nil for one that was heard of and did not serve yet: its model is not known.
    var engine: UInt64?
    var configuration: UInt64
    /// When it is foreseen to be loaded.
    var readyAt = 0.0
    var usedAt = -Double.infinity
    /// Jobs that began on it of late.
    var demand = RecentRate()
    /// Set while it is loaded for nobody in particular: heartbeats in a row that did not tell of it.
    var missedHeartbeats: Int?
  }

  /// Heartbeats that must not tell of a warm-up before it is taken to have failed: the first may have crossed with it.
  static let heartbeatsToMiss = 2

  /// Engines whose loading is remembered.
  private static let most = 64

  /// Of the memory a worker's engines may take, what the router counts on: what they will take is foreseen.
  private static let usedShare = 0.8

  private(set) var engines: [Engine] = []
  /// Whether the node said what it has loaded.
  private(set) var isHeard = false
  /// What all may take together, where the node says.
  var memoryBytes: Int?
  /// The largest that was loaded, as foreseen.
  private var largestBytes = 0
  /// Most that were loaded at once, as heard.
  private var heardLimit = 1
  private var seconds: [UInt64: Double] = [:]
  private var meanSeconds: Double?

  init() {}

  /// Keeps only what is known of loading.
  init(loadSeconds other: LoadedEngines) {
    memoryBytes = other.memoryBytes
    largestBytes = other.largestBytes
    heardLimit = other.heardLimit
    seconds = other.seconds
    meanSeconds = other.meanSeconds
  }

  /// What a heartbeat says is loaded: configurations, not of which model.
  ///
  /// - Parameters:
  ///   - warming: the one that is being loaded for nobody in particular.
  ///   - isUsed: whether jobs run on an engine: one that still loads for them is not in a heartbeat.
  /// - Returns: the engine that was to be loaded and is not.
  @discardableResult mutating func hear(
    _ configurations: [UInt64], warming: UInt64? = nil, isUsed: (UInt64) -> Bool
  ) -> UInt64? {
    isHeard = true
    heardLimit = max(heardLimit, configurations.count)
    let failed = hearOfWarmUp(configurations, warming)
    engines.removeAll {
      !configurations.contains($0.configuration) && $0.missedHeartbeats == nil && !($0.engine.map(isUsed) ?? false)
    }
    // What is loaded still while another loads is about to go, as long as they were never heard of together.
    for configuration in configurations where engines.count < limit {
      if engines.contains(where: { $0.configuration == configuration }) { continue }
      engines.append(Engine(configuration: configuration))
    }
    return failed
  }

  /// Engines of one configuration are told apart by how many of them there are.
  private mutating func hearOfWarmUp(_ configurations: [UInt64], _ warming: UInt64?) -> UInt64? {
    guard let place = engines.firstIndex(where: { $0.missedHeartbeats != nil }) else { return nil }
    let own = engines[place].configuration
    if own == warming {
      engines[place].missedHeartbeats = 0
    } else if configurations.count(where: { $0 == own }) >= engines.count(where: { $0.configuration == own }) {
      engines[place].missedHeartbeats = nil
      engines[place].readyAt = 0
    } else {
      engines[place].missedHeartbeats! += 1
      if engines[place].missedHeartbeats! >= Self.heartbeatsToMiss { return engines.remove(at: place).engine }
    }
    return nil
  }

  /// The one that is being loaded for nobody in particular.
  var warming: Engine? { engines.first { $0.missedHeartbeats != nil } }

  /// An engine is being loaded, though no job asked for it. There must be room, or it must be there.
  mutating func warm(_ engine: UInt64, configuration: UInt64, readyAt: Double, bytes: Int? = nil) {
    largestBytes = max(largestBytes, bytes ?? 0)
    guard let place = place(of: engine, configuration: configuration) else {
      return engines.append(
        Engine(engine: engine, configuration: configuration, readyAt: readyAt, missedHeartbeats: 0))
    }
    engines[place].readyAt = min(engines[place].readyAt, readyAt)
  }

  /// The engine if it is loaded or loads. One of the configuration whose model nobody knows is taken to be it.
  func loaded(_ engine: UInt64, configuration: UInt64) -> Engine? {
    place(of: engine, configuration: configuration).map { engines[$0] }
  }

  func has(_ engine: UInt64, configuration: UInt64) -> Bool { place(of: engine, configuration: configuration) != nil }

  /// Whether it is loaded or loads, as far as can be told without its configuration.
  func mayHave(_ engine: UInt64) -> Bool { engines.contains { $0.engine == engine || $0.engine == nil } }

  private func place(of engine: UInt64, configuration: UInt64) -> Int? {
    engines.firstIndex { $0.engine == engine }
      ?? engines.firstIndex { $0.engine == nil && $0.configuration == configuration }
  }

  /// How many there is room for: as many as were heard of together, or as have room in memory, each as large as the
  /// largest so far. Where neither is known one puts the other out.
  private var limit: Int { limit(largestBytes: largestBytes) }

  private func limit(largestBytes: Int) -> Int {
    guard let memoryBytes, largestBytes > 0 else { return heardLimit }
    return max(heardLimit, min(Self.most, Int(Self.usedShare * Double(memoryBytes) / Double(largestBytes))))
  }

  /// Whether one that is foreseen to take so much fits beside those that are loaded.
  func hasRoom(for bytes: Int?) -> Bool { engines.count < limit(largestBytes: max(largestBytes, bytes ?? 0)) }

  /// The one that goes when another is loaded: the longest unused; nil where there is room.
  var leastUsed: Engine? { engines.count < limit ? nil : engines.min { $0.usedAt < $1.usedAt } }

  /// A job begins on an engine, which is loaded for it if it was not.
  ///
  /// - Parameter bytes: what the engine is foreseen to take; nil where nobody knows.
  mutating func serve(_ engine: UInt64, configuration: UInt64, readyAt: Double, bytes: Int? = nil, at now: Double) {
    largestBytes = max(largestBytes, bytes ?? 0)
    // What is loaded for nobody in particular makes way for a job.
    engines.removeAll { $0.missedHeartbeats != nil && $0.engine != engine }
    if place(of: engine, configuration: configuration) == nil {
      while engines.count >= limit, let place = engines.indices.min(by: { engines[$0].usedAt < engines[$1].usedAt }) {
        engines.remove(at: place)
      }
      engines.append(Engine(engine: engine, configuration: configuration))
    }
    let place = place(of: engine, configuration: configuration)!
    engines[place].engine = engine
    engines[place].readyAt = readyAt
    engines[place].usedAt = now
    engines[place].missedHeartbeats = nil
    engines[place].demand.add(1, at: now)
  }

  mutating func learn(_ engine: UInt64, loadSeconds: Double) {
    guard loadSeconds.isFinite, loadSeconds >= 0 else { return }
    seconds[engine] = seconds[engine].map { 0.7 * $0 + 0.3 * loadSeconds } ?? loadSeconds
    meanSeconds = meanSeconds.map { 0.9 * $0 + 0.1 * loadSeconds } ?? loadSeconds
    if seconds.count > Self.most { seconds = [engine: loadSeconds] }
  }

  /// As measured; nil when nothing was loaded here yet.
  func loadSeconds(_ engine: UInt64) -> Double? { seconds[engine] ?? meanSeconds }

  /// As measured for this engine.
  func ownLoadSeconds(_ engine: UInt64) -> Double? { seconds[engine] }
}
