import Coordinator
import Serving

/// A node while the simulation runs: its jobs share it, its engines load and go, its prefix cache fills.
struct SimulatedNode {
  struct Work {
    var lease: LeaseID
    var job: JobID
    var request: Int
    var engine: Int
    var assignedAt: Double
    var promptTokens: Int
    var outputTokens: Int
    var blocks: PromptBlocks
    /// Luck of this run: multiplies its time.
    var noise: Double
    // Seconds alone on the node that are left.
    var prefill = 0.0
    var decode = 0.0
    var cachedTokens = 0
    var loadSeconds = 0.0
    var startedAt = 0.0
    var firstTokenAt: Double?
    /// Whether somebody was told of it. That of a request for a single token comes with its end.
    var isHeard = false
  }

  let model: NodeModel
  /// What time is multiplied by since it slowed.
  var slowness = 1.0
  var isUp = true
  /// Changes with every event, so that events planned before are told apart.
  private(set) var version = 0
  private var running: [Work] = []
  /// Waiting for their engine, in order of arrival.
  private var pending: [Work] = []
  /// Loaded, longest unused first.
  private var engines: [Int] = []
  private var loading: (engine: Int, until: Double, isForeseen: Bool)?
  private var cache: PrefixMemory
  private var clock = 0.0
  private(set) var busySeconds = 0.0
  private(set) var loadCount = 0

  init(_ model: NodeModel, engine: Int?) {
    self.model = model
    // A memory holds at most two generations.
    cache = PrefixMemory(generation: max(1, model.cacheTokens / Self.blockTokens / 2))
    if let engine { engines = [engine] }
  }

  /// Tokens of a block of text, at four bytes a token.
  static let blockTokens = PromptBlocks.bytes / 4

  var warmEngines: [Int] { engines }
  /// The one that is loaded before a job asks for it.
  var warmingEngine: Int? { loading.flatMap { $0.isForeseen ? $0.engine : nil } }

  mutating func add(_ work: Work, at now: Double) {
    advance(to: now)
    if let warmingEngine {
      if warmingEngine == work.engine { loading!.isForeseen = false } else { loading = nil }
    }
    pending.append(work)
    admit(at: now)
  }

  /// Loads an engine that no job asked for yet, if there is nothing else to do and it has room.
  ///
  /// - Returns: whether it does.
  mutating func warmUp(_ engine: Int, at now: Double) -> Bool {
    advance(to: now)
    guard isUp, running.isEmpty, pending.isEmpty, loading == nil, !engines.contains(engine),
      engines.count < model.engineLimit
    else { return false }
    loading = (engine: engine, until: now + model.loadSeconds, isForeseen: true)
    version += 1
    return true
  }

  /// Takes a lease back; nil when it is not here.
  mutating func remove(_ lease: LeaseID, at now: Double) -> Work? {
    advance(to: now)
    let removed = running.first { $0.lease == lease } ?? pending.first { $0.lease == lease }
    running.removeAll { $0.lease == lease }
    pending.removeAll { $0.lease == lease }
    admit(at: now)
    return removed
  }

  /// The node dies: nothing that it did is left.
  mutating func fail(at now: Double) {
    advance(to: now)
    running = []
    pending = []
    engines = []
    loading = nil
    cache.forget()
    isUp = false
    version += 1
  }

  /// Takes out what has ended by now.
  mutating func finish(at now: Double) -> [Work] {
    advance(to: now)
    let ended = running.filter { $0.prefill + $0.decode <= 1e-9 }
    if !ended.isEmpty { running.removeAll { $0.prefill + $0.decode <= 1e-9 } }
    admit(at: now)
    return ended
  }

  /// When to look at it again; nil while nothing goes on.
  var nextEvent: Double? {
    let ends = running.map { clock + ($0.prefill + $0.decode) / rate }.min()
    return [ends, loading?.until].compactMap { $0 }.min()
  }

  /// When the next first token comes that nobody was told of; nil while none is to come.
  var nextFirstToken: Double? { running.lazy.filter { !$0.isHeard }.map { firstToken(of: $0) }.min() }

  /// Those whose first token is there by now and that nobody was told of: once. Nothing else changes.
  mutating func takeFirstTokens(at now: Double) -> [Work] {
    var taken: [Work] = []
    for place in running.indices where !running[place].isHeard && firstToken(of: running[place]) <= now + 1e-9 {
      running[place].isHeard = true
      taken.append(running[place])
    }
    return taken
  }

  private func firstToken(of work: Work) -> Double { work.firstTokenAt ?? clock + work.prefill / rate }

  private var rate: Double { 1 / (1 + model.contention * Double(max(0, running.count - 1))) / slowness }

  mutating func slow(by factor: Double, at now: Double) {
    advance(to: now)
    slowness = factor
    version += 1
  }

  private mutating func advance(to now: Double) {
    let seconds = now - clock
    if seconds > 0, !running.isEmpty {
      busySeconds += seconds
      let rate = rate
      for place in running.indices {
        var left = seconds * rate
        if running[place].prefill > 0 {
          let read = min(left, running[place].prefill)
          running[place].prefill -= read
          left -= read
          if running[place].prefill <= 1e-12 {
            running[place].prefill = 0
            running[place].firstTokenAt = now - left / rate
          }
        }
        running[place].decode = max(0, running[place].decode - left)
      }
    }
    clock = max(clock, now)
  }

  /// Starts those whose engine is loaded, and loads the engine of the first whose is not.
  private mutating func admit(at now: Double) {
    version += 1
    if let done = loading, done.until <= now {
      loading = nil
      engines.append(done.engine)
      loadCount += 1
    }
    let asking = pending
    pending = []
    for work in asking {
      guard let place = engines.firstIndex(of: work.engine) else {
        pending.append(work)
        continue
      }
      engines.append(engines.remove(at: place))
      start(work, at: now)
    }
    guard loading == nil, let first = pending.first else { return }
    if engines.count >= model.engineLimit {
      // One that nobody uses makes room; while all are in use it waits.
      guard let idle = engines.firstIndex(where: { engine in !running.contains { $0.engine == engine } }) else {
        return
      }
      engines.remove(at: idle)
    }
    loading = (engine: first.engine, until: now + model.loadSeconds, isForeseen: false)
    for place in pending.indices where pending[place].engine == first.engine {
      pending[place].loadSeconds = model.loadSeconds
    }
  }

  private mutating func start(_ work: Work, at now: Double) {
    var work = work
    let engine = UInt64(work.engine)
    if model.cacheTokens > 0 {
      work.cachedTokens = min(work.promptTokens, cache.overlap(work.blocks, engine: engine) * Self.blockTokens)
      cache.insert(work.blocks, engine: engine)
    }
    // The last token is always read: its logits are wanted.
    let read = Double(max(1, work.promptTokens - work.cachedTokens))
    work.prefill = read / model.prefillRate * work.noise
    work.decode = Double(max(0, work.outputTokens - 1)) / model.decodeRate * work.noise
    work.startedAt = now
    work.isHeard = work.outputTokens <= 1
    running.append(work)
  }
}
