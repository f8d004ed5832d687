import Glibc
import Serving

/// What became of each worker's engines: since when what was measured there still holds.
///
/// Measurements of equal machines are one body of knowledge until a node goes its own way. Each body has a home, a number
/// in place of the hardware's own: all machines of a kind share one, each version of an engine has one of its own, and a
/// node whose outcomes drift gets one for itself. What its former home says is stale for it from then on, and what the one
/// before that said is not looked at any more: two homes for each node and for each of its strategies that went its own way.
/// A node that slows for a while and recovers goes back home.
struct NodeHistory: Sendable {
  /// So many changes of each worker are kept to be shown, the newest.
  static let mostChanges = 10
  /// How far two changes, as logarithms of factors that rest on a few outcomes each, may be from undoing each other (chosen).
  static let undoingTolerance = 0.25

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
    /// Homes it shared with others and left: its hardware's, and those of engine versions.
    fileprivate var left: Set<Int32> = []
    fileprivate var detector = DriftDetector()
    /// Strategies with the same knobs, by number; those that went their own way have their own place.
    fileprivate var families: [Int32: Family] = [:]
    fileprivate(set) var recent = RecentOutcomes()

    /// The place of what a family measures on this machine with this version; nil where either is another. It changes
    /// nothing, but is asked where the node is: a copy of a node counts many references.
    fileprivate mutating func place(of family: Int32, hardware: Int32, version: String) -> Place? {
      guard self.hardware == hardware, self.version == version else { return nil }
      return families[family]?.place ?? place
    }
  }

  fileprivate struct Family: Sendable {
    var place: Place?
    var detector = DriftDetector()
  }

  private(set) var nodes: [Key: Node] = [:]
  /// The version that has the hardware's own number, and the home of the newest.
  private var versions: [Kind: (first: String, newest: Int32)] = [:]
  /// The newest of each worker, in the order they were noticed.
  private(set) var changes: [KnowledgeChange] = []
  /// All there ever were.
  private(set) var changeCount = 0
  /// Homes of nodes' own, told as abandoned or not yet.
  private var ownHomes: Set<Int32> = []
  private var ownHomeCount: Int32 = 0

  /// Whether no two machines share a home. Such homes count down from -1; others have numbers from 0 that the index gives.
  private static func isOwn(_ home: Int32) -> Bool { home < 0 }

  /// The place of a measurement's knowledge. A new engine version starts a new home at once.
  ///
  /// - Parameters:
  ///   - hardware: the number of its kind of machine.
  ///   - homes: numbers of homes by name.
  mutating func place(
    _ measurement: Measurement, hardware: Int32, family: Int32, homes: inout [String: Int32]
  ) -> Place {
    let key = Key(worker: measurement.worker, engine: measurement.configuration.engine)
    let index = nodes.index(forKey: key)
    if let index,
      let known = nodes.values[index].place(of: family, hardware: hardware, version: measurement.engineVersion)
    {
      return known
    }
    guard let index, nodes.values[index].hardware == hardware else {
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
    _ measurement: Measurement, _ outcome: RecentOutcomes.Outcome, surprise: Double?, earlier: Int, family: Int32
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
    let ofAll = nodes.values[index].detector.add(surprise, earlier: earlier)
    let ofFamily = nodes.values[index].families[family, default: Family()].detector.add(surprise, earlier: earlier)
    if let ofAll {
      move(index, to: home(after: ofAll, at: nodes.values[index].place), change(ofAll, nil))
    } else if let ofFamily, nodes.values[index].families.count > 1 {
      // The others go on as before; alone, it is the node that changed.
      let found = change(ofFamily, measurement.configuration.knobs.keys.sorted())
      let left = nodes.values[index].families[family]?.place ?? nodes.values[index].place
      nodes.values[index].families[family]!.place = Place(
        home: home(after: ofFamily, at: left), former: left.home, change: found)
      note(found)
    }
  }

  /// The home before, where a shift undoes the change that led away from it: what is known there holds again.
  private mutating func home(after shift: DriftDetector.Shift, at place: Place) -> Int32 {
    if let former = place.former, case .drift(let factor, _)? = place.change?.cause,
      abs(log(factor) + shift.logFactor) < Self.undoingTolerance
    {
      return former
    }
    return newHome()
  }

  private mutating func newHome() -> Int32 {
    ownHomeCount += 1
    ownHomes.insert(-ownHomeCount)
    return -ownHomeCount
  }

  private mutating func move(_ index: Dictionary<Key, Node>.Index, to home: Int32, _ change: KnowledgeChange) {
    let former = nodes.values[index].place.home
    if !Self.isOwn(former) { nodes.values[index].left.insert(former) }
    nodes.values[index].place = Place(home: home, former: former, change: change)
    nodes.values[index].detector.restart()
    nodes.values[index].families = [:]
    nodes.values[index].recent = RecentOutcomes()
    note(change)
  }

  private mutating func note(_ change: KnowledgeChange) {
    changeCount += 1
    changes.append(change)
    guard changes.count(where: { $0.worker == change.worker }) > Self.mostChanges else { return }
    changes.remove(at: changes.firstIndex { $0.worker == change.worker }!)
  }

  /// Homes at which nobody looks any more, each told once.
  mutating func takeAbandoned() -> Set<Int32> {
    var reachable: Set<Int32> = []
    for node in nodes.values {
      for place in [node.place] + node.families.values.compactMap(\.place) {
        reachable.formUnion([place.home, place.former ?? place.home].filter(Self.isOwn))
      }
    }
    defer { ownHomes = reachable }
    return ownHomes.subtracting(reachable)
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
    guard changeCount > 0 else { return false }
    // Only one node ever knew it.
    var wasLeft = Self.isOwn(home)
    for (key, node) in nodes where key.engine == engine {
      let place = node.families[family]?.place ?? node.place
      if place.home == home { return false }
      wasLeft = wasLeft || node.left.contains(home) || place.former == home
    }
    return wasLeft
  }
}
