import Engines
public import Serving

/// An engine a job needs: engines with equal keys are interchangeable.
public struct EngineKey: Hashable, Sendable {
  public var model: ModelID
  /// With its fingerprint as identity: methods are names for knobs that are all there.
  public var configuration: EngineConfiguration
  /// Tokens of context for each slot.
  public var contextTokens: Int

  public init(model: ModelID, configuration: EngineConfiguration, contextTokens: Int) {
    self.model = model
    self.configuration = configuration
    self.contextTokens = contextTokens
  }

  public static func == (a: EngineKey, b: EngineKey) -> Bool {
    a.model == b.model && a.contextTokens == b.contextTokens && a.configuration.knobs == b.configuration.knobs
      && a.configuration.engine == b.configuration.engine
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(model)
    hasher.combine(contextTokens)
    hasher.combine(configuration.fingerprint)
  }
}

/// Which engines are loaded, who uses them and who waits. Pure; the pool starts and stops.
///
/// Who asked first is served first, with one exception: a job that only waits for a place in its engine holds nobody
/// up. A job that waits for room (for an engine that is not loaded) does: later jobs would otherwise keep the loaded
/// engines busy for ever. Engines nobody uses make room, the longest unused first.
struct PoolLedger {
  typealias EngineNumber = Int
  typealias Ticket = Int

  struct Request: Hashable {
    var key: EngineKey
    /// Jobs the engine serves at once.
    var slotCount: Int
    /// What the engine is foreseen to take.
    var memoryBytes: Int
  }

  /// A ticket's engine. `starts` is true when the engine must be started, after the evicted ones were stopped.
  struct Grant: Hashable {
    var ticket: Ticket
    var engine: EngineNumber
    var starts: Bool
    var evicted: [EngineNumber]
  }

  private struct Entry {
    var key: EngineKey
    var slotCount: Int
    var usedSlots: Int
    var memoryBytes: Int
    /// Counts uses of the pool, not time; 0 before the first.
    var lastUse: Int
    /// Is being ended: takes its memory still, and serves nobody any more.
    var isLeaving = false
  }

  let engineLimit: Int
  let memoryLimitBytes: Int
  private var entries: [EngineNumber: Entry] = [:]
  private var queue: [(ticket: Ticket, request: Request)] = []
  private var nextNumber = 1
  private var useCount = 0

  init(engineLimit: Int, memoryLimitBytes: Int) {
    precondition(engineLimit >= 1, "a pool without engines serves nobody")
    self.engineLimit = engineLimit
    self.memoryLimitBytes = memoryLimitBytes
  }

  var keys: [EngineNumber: EngineKey] { entries.filter { !$0.value.isLeaving }.mapValues(\.key) }
  var waitingCount: Int { queue.count }

  mutating func ask(_ request: Request) -> Ticket {
    defer { nextNumber += 1 }
    queue.append((nextNumber, request))
    return nextNumber
  }

  /// The ticket is given back before it was granted.
  mutating func withdraw(_ ticket: Ticket) { queue.removeAll { $0.ticket == ticket } }

  /// Everybody who can be served now.
  mutating func grants() -> [Grant] {
    var grants: [Grant] = []
    var held: [(ticket: Ticket, request: Request)] = []
    var isRoomWanted = false
    for (ticket, request) in queue {
      if !isRoomWanted, let grant = grant(ticket, request) {
        grants.append(grant)
      } else {
        if entry(for: request.key) == nil { isRoomWanted = true }
        held.append((ticket, request))
      }
    }
    queue = held
    return grants
  }

  private func entry(for key: EngineKey) -> (EngineNumber, Entry)? {
    entries.first { $0.value.key == key && !$0.value.isLeaving }.map { ($0.key, $0.value) }
  }

  private mutating func grant(_ ticket: Ticket, _ request: Request) -> Grant? {
    useCount += 1
    if let (number, entry) = entry(for: request.key) {
      guard entry.usedSlots < entry.slotCount else { return nil }
      entries[number]!.usedSlots += 1
      entries[number]!.lastUse = useCount
      return Grant(ticket: ticket, engine: number, starts: false, evicted: [])
    }
    guard let evicted = evictions(for: request) else { return nil }
    for number in evicted { entries[number] = nil }
    let number = nextNumber
    nextNumber += 1
    entries[number] = Entry(
      key: request.key, slotCount: max(1, request.slotCount), usedSlots: 1, memoryBytes: request.memoryBytes,
      lastUse: useCount)
    return Grant(ticket: ticket, engine: number, starts: true, evicted: evicted)
  }

  /// The idle engines that must go for this one, longest unused first; nil when there is no room even then. One that is
  /// larger than the limit by itself is let in alone: the forecast may be wrong, and the engine's own limit finds out.
  private func evictions(for request: Request) -> [EngineNumber]? {
    var count = entries.count
    var bytes = entries.values.reduce(0) { $0 + $1.memoryBytes }
    var evicted: [EngineNumber] = []
    var idle = entries.filter { $0.value.usedSlots == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }[...]
    while count > 0, count >= engineLimit || bytes + request.memoryBytes > memoryLimitBytes {
      guard let next = idle.popFirst() else { return nil }
      evicted.append(next.key)
      count -= 1
      bytes -= next.value.memoryBytes
    }
    return evicted
  }

  /// Takes in an engine that is to be started for nobody in particular. It makes room before those that served.
  ///
  /// - Returns: nil where one like it is there, where any is in use or waited for, or another would have to go.
  mutating func add(_ request: Request) -> EngineNumber? {
    guard queue.isEmpty, entry(for: request.key) == nil, entries.values.allSatisfy({ $0.usedSlots == 0 }),
      evictions(for: request) == []
    else { return nil }
    defer { nextNumber += 1 }
    entries[nextNumber] = Entry(
      key: request.key, slotCount: max(1, request.slotCount), usedSlots: 0, memoryBytes: request.memoryBytes,
      lastUse: 0)
    return nextNumber
  }

  /// An engine that nobody uses is being ended; `remove` says when it is gone.
  mutating func abandon(_ number: EngineNumber) { entries[number]?.isLeaving = true }

  /// A user of the engine is done. Nothing happens for an engine that is gone.
  ///
  /// - Parameter measuredBytes: the room it took so far, which from now on stands in place of the forecast.
  mutating func release(_ number: EngineNumber, measuredBytes: Int?) {
    guard entries[number] != nil else { return }
    precondition(entries[number]!.usedSlots > 0, "an engine was given back more often than lent")
    entries[number]!.usedSlots -= 1
    if let measuredBytes, measuredBytes > 0 { entries[number]!.memoryBytes = measuredBytes }
  }

  /// The engine is no more.
  mutating func remove(_ number: EngineNumber) { entries[number] = nil }

  /// Takes out every engine that nobody uses.
  mutating func removeIdle() -> [EngineNumber] {
    let idle = entries.filter { $0.value.usedSlots == 0 }.keys.sorted()
    for number in idle { entries[number] = nil }
    return idle
  }
}
