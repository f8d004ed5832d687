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
  }

  /// Engines whose loading is remembered.
  private static let most = 64

  /// Of the memory a worker's engines may take, what the router counts on: what they will take is foreseen.
  private static let usedShare = 0.8

  private(set) var engines: [Engine] = []
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
  /// - Parameter isUsed: whether jobs run on an engine: one that still loads for them is not in a heartbeat.
  mutating func hear(_ configurations: [UInt64], isUsed: (UInt64) -> Bool) {
    heardLimit = max(heardLimit, configurations.count)
    engines.removeAll { !configurations.contains($0.configuration) && !($0.engine.map(isUsed) ?? false) }
    // What is loaded still while another loads is about to go, as long as they were never heard of together.
    for configuration in configurations where engines.count < limit {
      if engines.contains(where: { $0.configuration == configuration }) { continue }
      engines.append(Engine(configuration: configuration))
    }
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
  private var limit: Int {
    guard let memoryBytes, largestBytes > 0 else { return heardLimit }
    return max(heardLimit, min(Self.most, Int(Self.usedShare * Double(memoryBytes) / Double(largestBytes))))
  }

  /// The one that goes when another is loaded: the longest unused; nil where there is room.
  var leastUsed: Engine? { engines.count < limit ? nil : engines.min { $0.usedAt < $1.usedAt } }

  /// A job begins on an engine, which is loaded for it if it was not.
  ///
  /// - Parameter bytes: what the engine is foreseen to take; nil where nobody knows.
  mutating func serve(_ engine: UInt64, configuration: UInt64, readyAt: Double, bytes: Int? = nil, at now: Double) {
    largestBytes = max(largestBytes, bytes ?? 0)
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
