/// What settings do to a cost beside what the roofline says, pooled over all contexts: a linear mixed model with crossed
/// random effects (Henderson, Biometrics 1975).
///
/// Each setting has an effect of its own, and one more with each workload, hardware and model it was measured with; each
/// is pulled to none by as much as little is known of it. Of a new model it foresees what the others have in common. Trees
/// know better once there are enough models to learn what their numbers mean; of two or three they learn the models by
/// heart, each one's noise included.
struct PooledEffects: Equatable, Sendable {
  /// By `EffectKeys`.
  private let effects: [UInt64: Float]

  /// One row to learn from.
  struct Row {
    /// Numbers of its effects.
    var effects: ArraySlice<Int32>
    var target: Double
    /// As in `MeasuredCells.Costs`: at most 1.
    var weight: Double
  }

  /// Rounds of going through all effects, and the largest change that still counts as settled: effects that mostly come
  /// together settle slowly.
  private static let mostRounds = 200
  private static let settled = 1e-5

  /// The effects by their numbers, 0 for those of no row.
  ///
  /// Ridge regression by coordinate descent. An effect's deviation is that of a row's model error
  /// (`TrainingSet.modelVariance`), so that it is pulled to 0 by one row of full weight.
  static func fit(_ rows: [Row], effectCount: Int) -> [Float] {
    var starts = [Int](repeating: 0, count: effectCount + 1)
    for effect in rows.lazy.flatMap(\.effects) { starts[Int(effect) + 1] += 1 }
    for effect in 0..<effectCount { starts[effect + 1] += starts[effect] }
    var (members, ends) = ([Int32](repeating: 0, count: starts[effectCount]), starts)
    for (place, row) in rows.enumerated() {
      for effect in row.effects {
        members[ends[Int(effect)]] = Int32(place)
        ends[Int(effect)] += 1
      }
    }
    var left = rows.map(\.target)
    var effects = [Double](repeating: 0, count: effectCount)
    for _ in 0..<mostRounds {
      var largest = 0.0
      for effect in 0..<effectCount {
        var (sum, weight) = (0.0, 0.0)
        for member in members[starts[effect]..<starts[effect + 1]] {
          let row = Int(member)
          sum += rows[row].weight * (left[row] + effects[effect])
          weight += rows[row].weight
        }
        let change = sum / (weight + 1) - effects[effect]
        effects[effect] += change
        for member in members[starts[effect]..<starts[effect + 1]] { left[Int(member)] -= change }
        largest = max(largest, abs(change))
      }
      if largest < settled { break }
    }
    return effects.map { Float($0) }
  }

  /// - Parameters:
  ///   - effects: as `fit` gives them.
  ///   - keys: of each.
  init(_ effects: [Float], keys: [UInt64]) {
    self.effects = Dictionary(uniqueKeysWithValues: zip(keys, effects).filter { $0.1 != 0 })
  }

  /// Of a configuration, from its keys; what was never measured adds nothing.
  func sum(of keys: [UInt64]) -> Double { keys.reduce(0) { $0 + Double(effects[$1] ?? 0) } }

  // MARK: Bytes

  /// Keys in ascending order, each with its effect: 8 and 4 bytes, little-endian.
  var bytes: [UInt8] {
    effects.sorted { $0.key < $1.key }.flatMap { key, effect in
      withUnsafeBytes(of: key.littleEndian) { Array($0) }
        + withUnsafeBytes(of: effect.bitPattern.littleEndian) { Array($0) }
    }
  }

  /// - Parameter bytes: as `bytes` was.
  /// - Returns: nil for others.
  init?(bytes: ArraySlice<UInt8>) {
    guard bytes.count.isMultiple(of: Self.entryBytes) else { return nil }
    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    var effects: [UInt64: Float] = [:]
    for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: Self.entryBytes) {
      let effect = Float(bitPattern: UInt32(number(bytes[start + 8..<start + Self.entryBytes])))
      guard effect.isFinite else { return nil }
      effects[number(bytes[start..<start + 8])] = effect
    }
    self.effects = effects
  }

  private static let entryBytes = 12
}
