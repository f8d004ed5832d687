import Glibc
import Serving

/// Which settings of a knob that adds capacity are past the point where more of it still gains: once twice the slots
/// serve no faster, four times as many need not be tried.
///
/// Levels above all that ran are tried a few at a time. Levels are compared where everything else is equal; what is
/// past the point there is past it with further settings on top as well.
struct Saturation: Sendable {
  /// Knobs of which more is capacity for more work at once. Without a value there is one.
  static let knobs: [KnobName] = [.slotCount]
  /// Levels above all that ran that may be tried before more is known.
  static let levelsAtOnce = 2
  /// A step up that gains less is none, as a logarithm: 2%.
  static let leastStep = log(1.02)

  private struct Limit: Sendable {
    var knob: KnobName
    /// Settings beside the knob.
    var rest: [KnobName: KnobValue]
    /// Levels above this one gain nothing.
    var level: Int
  }

  private struct Step: Sendable {
    var level: Int
    var gain: Double
    var variance: Double

    /// Half a deviation of doubt goes in favour of the step: missing a good one costs more than a trial too many.
    func isNoStep(from lower: Step) -> Bool {
      gain - lower.gain + (variance + lower.variance).squareRoot() / 2 < Saturation.leastStep
    }
  }

  private var limits: [Limit] = []
  /// The highest level that may be tried now.
  private var reach: [KnobName: Int] = [:]

  /// - Parameters:
  ///   - beliefs: of the configurations, by place.
  ///   - measured: places that ran.
  init(_ configurations: [EngineConfiguration], beliefs: KnobEffects, measured: Set<Int>) {
    for knob in Self.knobs {
      // The default has one of it.
      var steps: [[KnobName: KnobValue]: [Step]] = [[:]: [Step(level: 1, gain: 0, variance: 0)]]
      for place in measured.sorted() {
        guard let level = configurations[place][knob]?.intValue else { continue }
        var rest = configurations[place].knobs
        rest[knob] = nil
        steps[rest, default: []].append(
          Step(level: level, gain: beliefs.means[place], variance: beliefs.variances[place]))
      }
      let levels = configurations.compactMap { $0[knob]?.intValue }
      let highest = measured.compactMap { configurations[$0][knob]?.intValue }.max() ?? 1
      let higher = Set(levels.filter { $0 > highest }).sorted()
      reach[knob] = higher.prefix(Self.levelsAtOnce).last
      for (rest, levels) in steps {
        let rising = levels.sorted { $0.level < $1.level }
        for (lower, upper) in zip(rising, rising.dropFirst()) where upper.isNoStep(from: lower) {
          limits.append(Limit(knob: knob, rest: rest, level: upper.level))
          break
        }
      }
    }
  }

  func forbids(_ configuration: EngineConfiguration) -> Bool {
    for (knob, most) in reach {
      if let level = configuration[knob]?.intValue, level > most { return true }
    }
    return limits.contains { limit in
      guard let level = configuration[limit.knob]?.intValue, level > limit.level else { return false }
      return limit.rest.allSatisfy { configuration[$0.key] == $0.value }
    }
  }
}
