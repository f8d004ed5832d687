import Serving

/// Cells of evidence by context and configuration, for one notion of which workload shapes are the same.
struct EvidenceTable: Sendable {
  /// Model, hardware and shape, the first two as numbers handed out by the index.
  struct ContextKey: Hashable, Sendable {
    var model: Int32
    var hardware: Int32
    var shape: WorkloadShape
  }

  private var contexts: [ContextKey: Int32] = [:]
  /// Contexts there ever were: the next one's number.
  private var numberCount: Int32 = 0
  /// Contexts in which trials ran.
  private var tried: Set<Int32> = []
  /// By context (high half) and configuration (low half).
  private var places: [UInt64: Int32] = [:]
  private var cells: [EvidenceCell] = []
  private var pairs: [RunningMoments] = []

  var contextCount: Int { contexts.count }

  func context(_ key: ContextKey) -> Int32? { contexts[key] }

  mutating func makeContext(_ key: ContextKey) -> Int32 {
    if let known = contexts[key] { return known }
    defer { numberCount += 1 }
    contexts[key] = numberCount
    return numberCount
  }

  /// Trials are few and cost an hour of a machine: what they told in a context is kept (`forget`).
  mutating func keep(_ context: Int32) { tried.insert(context) }

  /// Lets go of what jobs told at some homes.
  mutating func forget(homes: Set<Int32>) {
    let gone = Set(contexts.lazy.filter { homes.contains($0.key.hardware) }.map(\.value)).subtracting(tried)
    guard !gone.isEmpty else { return }
    contexts = contexts.filter { !gone.contains($0.value) }
    let kept = allCells.filter { !gone.contains($0.context) }
    cells = kept.map(\.cell)
    places = Dictionary(
      uniqueKeysWithValues: kept.enumerated().map { (Self.place($1.context, $1.configuration), Int32($0)) })
  }

  func cell(_ context: Int32, _ configuration: Int32) -> EvidenceCell? {
    places[Self.place(context, configuration)].map { cells[Int($0)] }
  }

  /// Paired ratios of a cell: the logarithm of its cost over the default's in the same round.
  func pairs(_ cell: EvidenceCell) -> RunningMoments? {
    cell.pairs < 0 ? nil : pairs[Int(cell.pairs)]
  }

  mutating func addLevel(_ context: Int32, _ configuration: Int32, _ costs: LogCosts) -> SIMD8<
    Float
  > {
    let place = makePlace(context, configuration)
    return cells[place].level.add(costs.lanes)
  }

  mutating func addFailure(_ context: Int32, _ configuration: Int32) {
    cells[makePlace(context, configuration)].failures += 1
  }

  mutating func addPair(_ context: Int32, _ configuration: Int32, _ ratio: SIMD8<Float>) -> SIMD8<
    Float
  > {
    let place = makePlace(context, configuration)
    if cells[place].pairs < 0 {
      cells[place].pairs = Int32(pairs.count)
      pairs.append(RunningMoments())
    }
    return pairs[Int(cells[place].pairs)].add(ratio)
  }

  private mutating func makePlace(_ context: Int32, _ configuration: Int32) -> Int {
    let key = Self.place(context, configuration)
    if let known = places[key] { return Int(known) }
    places[key] = Int32(cells.count)
    cells.append(EvidenceCell())
    return cells.count - 1
  }

  private static func place(_ context: Int32, _ configuration: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: context)) << 32 | UInt64(UInt32(bitPattern: configuration))
  }

  /// Every cell with its context and configuration, in the order they were first seen.
  var allCells: [(context: Int32, configuration: Int32, cell: EvidenceCell)] {
    places.sorted { $0.value < $1.value }.map { place, index in
      (Int32(truncatingIfNeeded: place >> 32), Int32(truncatingIfNeeded: place), cells[Int(index)])
    }
  }

  /// Every context with what it stands for.
  var allContexts: [ContextKey: Int32] { contexts }
}
