import Glibc
import Serving

/// What became of each worker's engines: since when what was measured there still holds.
///
/// Measurements of equal machines are one body of knowledge until a node goes its own way. Each body has a home, a number
/// in place of the hardware's own: all machines of a kind share one, each version of an engine has one of its own, and a
/// node whose outcomes drift gets one for itself. What its former home says is stale for it from then on.
struct NodeHistory: Sendable {
  struct Key: Hashable, Sendable {
    var worker: WorkerName
    var engine: EngineName
  }

  /// Where knowledge is kept, and where it was kept before.
  struct Place: Hashable, Sendable {
    var home: Int32
    var former: Int32?
    var change: KnowledgeChange?
  }

  /// Machines of one kind with one engine.
  private struct Kind: Hashable {
    var hardware: Int32
    var engine: EngineName
  }

  struct Node: Sendable {
    fileprivate(set) var hardware: Int32
    fileprivate var version: String
    fileprivate(set) var place: Place
    fileprivate var pasts: [Int32] = []
    fileprivate var detector = DriftDetector()
    /// Strategies with the same knobs, by number; those that went their own way have their own place.
    fileprivate var families: [Int32: Family] = [:]
    fileprivate(set) var recent = RecentOutcomes()
  }

  fileprivate struct Family: Sendable {
    var place: Place?
    var detector = DriftDetector()
  }

  private(set) var nodes: [Key: Node] = [:]
  /// The version that has the hardware's own number, and the home of the newest.
  private var versions: [Kind: (first: String, newest: Int32)] = [:]
  private(set) var changes: [KnowledgeChange] = []

  /// The place of a measurement's knowledge. A new engine version starts a new home at once.
  ///
  /// - Parameters:
  ///   - hardware: the number of its kind of machine.
  ///   - homes: numbers of homes by name.
  mutating func place(
    _ measurement: Measurement, hardware: Int32, family: Int32, homes: inout [String: Int32]
  ) -> Place {
    let key = Key(worker: measurement.worker, engine: measurement.configuration.engine)
    guard let index = nodes.index(forKey: key), nodes.values[index].hardware == hardware else {
      // New, or another machine under the same name.
      let home = home(key.engine, measurement.engineVersion, hardware, &homes)
      nodes[key] = Node(hardware: hardware, version: measurement.engineVersion, place: Place(home: home))
      return nodes[key]!.place
    }
    if nodes.values[index].version != measurement.engineVersion {
      let old = nodes.values[index].version
      nodes.values[index].version = measurement.engineVersion
      let home = home(key.engine, measurement.engineVersion, hardware, &homes)
      move(
        index, to: home,
        KnowledgeChange(
          worker: key.worker, engine: key.engine, cause: .engineVersion(from: old, to: measurement.engineVersion),
          atMS: measurement.startedAtMS))
    }
    // Looked at where it is: a copy of a node counts many references.
    return nodes.values[index].families[family]?.place ?? nodes.values[index].place
  }

  private mutating func home(
    _ engine: EngineName, _ version: String, _ hardware: Int32, _ homes: inout [String: Int32]
  ) -> Int32 {
    let kind = Kind(hardware: hardware, engine: engine)
    guard let known = versions[kind] else {
      versions[kind] = (version, hardware)
      return hardware
    }
    let home = version == known.first ? hardware : EvidenceIndex.number("\(hardware)|\(engine)|\(version)", &homes)
    versions[kind]!.newest = home
    return home
  }

  /// Takes a job's outcome.
  ///
  /// - Parameters:
  ///   - surprise: logarithm of its time over what jobs of its strategy took before; nil for the first of them.
  ///   - earlier: how many those were.
  mutating func observe(
    _ measurement: Measurement, _ outcome: RecentOutcomes.Outcome, surprise: Double?, earlier: Int, family: Int32,
    homes: inout [String: Int32]
  ) {
    let key = Key(worker: measurement.worker, engine: measurement.configuration.engine)
    guard let index = nodes.index(forKey: key) else { return }
    nodes.values[index].recent.add(outcome)
    guard let surprise else { return }
    func change(_ shift: DriftDetector.Shift, _ knobs: [KnobName]?) -> KnowledgeChange {
      KnowledgeChange(
        worker: key.worker, engine: key.engine, knobs: knobs,
        cause: .drift(factor: exp(shift.logFactor), outcomes: shift.outcomes),
        atMS: measurement.startedAtMS)
    }
    func ownHome() -> Int32 { EvidenceIndex.number("\(key.worker)|\(key.engine)|\(changes.count)", &homes) }
    let ofAll = nodes.values[index].detector.add(surprise, earlier: earlier)
    let ofFamily = nodes.values[index].families[family, default: Family()].detector.add(surprise, earlier: earlier)
    if let ofAll {
      move(index, to: ownHome(), change(ofAll, nil))
    } else if let ofFamily, nodes.values[index].families.count > 1 {
      // The others go on as before; alone, it is the node that changed.
      let found = change(ofFamily, measurement.configuration.knobs.keys.sorted())
      let former = nodes.values[index].families[family]?.place?.home ?? nodes.values[index].place.home
      nodes.values[index].families[family]!.place = Place(home: ownHome(), former: former, change: found)
      changes.append(found)
    }
  }

  private mutating func move(_ index: Dictionary<Key, Node>.Index, to home: Int32, _ change: KnowledgeChange) {
    let former = nodes.values[index].place.home
    nodes.values[index].pasts.append(former)
    nodes.values[index].place = Place(home: home, former: former, change: change)
    nodes.values[index].detector.restart()
    nodes.values[index].families = [:]
    nodes.values[index].recent = RecentOutcomes()
    changes.append(change)
  }

  // MARK: What is known

  /// Where to look for what is known of a worker's engine; of one that was never measured, what equal machines say with
  /// the newest version.
  func place(_ worker: WorkerName?, _ engine: EngineName, hardware: Int32) -> Place {
    if let worker, let node = nodes[Key(worker: worker, engine: engine)], node.hardware == hardware {
      return node.place
    }
    return Place(home: versions[Kind(hardware: hardware, engine: engine)]?.newest ?? hardware)
  }

  /// The places of those strategies that went their own way, by family.
  func families(_ worker: WorkerName, _ engine: EngineName, hardware: Int32) -> [Int32: Place] {
    guard let node = nodes[Key(worker: worker, engine: engine)], node.hardware == hardware else { return [:] }
    return node.families.compactMapValues(\.place)
  }

  func recent(_ worker: WorkerName, _ engine: EngineName) -> RecentOutcomes? {
    nodes[Key(worker: worker, engine: engine)]?.recent
  }

  /// Whether every node that knew this home has left it.
  func isStale(_ home: Int32, _ engine: EngineName, family: Int32) -> Bool {
    guard !changes.isEmpty else { return false }
    var wasLeft = false
    for (key, node) in nodes where key.engine == engine {
      let place = node.families[family]?.place ?? node.place
      if place.home == home { return false }
      wasLeft = wasLeft || node.pasts.contains(home) || place.former == home
    }
    return wasLeft
  }
}
