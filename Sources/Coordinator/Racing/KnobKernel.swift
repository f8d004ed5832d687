import Glibc
import Serving

/// How alike two configurations are: the covariance of the logarithms of their speed-ups before anything is measured.
///
/// Additive over settings, with something for each pair of settings (Duvenaud et al., Additive Gaussian Processes, NIPS
/// 2011) and something of a configuration's own. No setting of a knob means no effect of it.
struct KnobKernel: Sendable {
  /// Standard deviations of what one setting gives, of what a pair of settings gives beyond their sum, and of what is a
  /// configuration's own. Chosen: settings of llama.cpp on two cores spread by a quarter around 1.
  static let settingDeviation = 0.25
  static let pairDeviation = 0.12
  static let ownDeviation = 0.06
  /// A foresight, however sure of itself, leaves at least this share of the variance to be measured.
  static let leastDoubt = 0.25
  /// Knobs that only say how another one is used; they count for less, and only beside an equal value of that one.
  static let details: [KnobName: KnobName] = [
    .ngramSize: .speculation, .draftTokens: .speculation, .draftModel: .speculation, .valueCacheType: .keyCacheType,
    .batchTokens: .microBatchTokens,
  ]
  static let detailShare = 0.3

  /// Of each entrant: what foresight says, as far as it is believed.
  let means: [Double]
  private let settings: [[Setting]]
  /// The share of the deviation that foresight left, for each entrant.
  private let doubts: [Double]

  private struct Setting: Hashable, Sendable {
    var knob: KnobName
    var value: KnobValue
    /// The logarithm to base 2 of a number above 0, in which neighbours are near.
    var level: Double?
    var weight: Double
    var parent: KnobValue?
  }

  /// - Parameter engine: the default's; being another one is a setting like any other.
  init(_ entrants: [Entrant], against engine: EngineName) {
    let settings = entrants.map { Self.settings($0.candidate.configuration, against: engine) }
    var means: [Double] = []
    var doubts: [Double] = []
    for (entrant, own) in zip(entrants, settings) {
      guard let foreseen = entrant.foreseen else {
        means.append(0)
        doubts.append(1)
        continue
      }
      let variance = Self.kernel(own, own, isSame: true)
      let doubt = max(Self.leastDoubt, foreseen.variance / (foreseen.variance + variance))
      means.append(foreseen.mean * (1 - doubt))
      doubts.append(doubt.squareRoot())
    }
    self.means = means
    self.doubts = doubts
    self.settings = settings
  }

  var count: Int { settings.count }

  /// Covariances of one entrant with each.
  func row(_ place: Int) -> [Double] { (0..<count).map { covariance(place, $0) } }

  func covariance(_ a: Int, _ b: Int) -> Double {
    doubts[a] * doubts[b] * Self.kernel(settings[a], settings[b], isSame: a == b)
  }

  private static func kernel(_ a: [Setting], _ b: [Setting], isSame: Bool) -> Double {
    var sum = 0.0
    var squares = 0.0
    for one in a {
      guard let other = b.first(where: { $0.knob == one.knob }) else { continue }
      let likeness = likeness(one, other)
      sum += likeness
      squares += likeness * likeness
    }
    return settingDeviation * settingDeviation * sum
      + pairDeviation * pairDeviation * max(0, sum * sum - squares) / 2
      + (isSame ? ownDeviation * ownDeviation : 0)
  }

  private static func likeness(_ a: Setting, _ b: Setting) -> Double {
    guard a.parent == b.parent else { return 0 }
    if a.value == b.value { return a.weight }
    guard let one = a.level, let other = b.level else { return 0 }
    return a.weight * exp(-abs(one - other))
  }

  private static func settings(_ configuration: EngineConfiguration, against engine: EngineName) -> [Setting] {
    let ofEngine =
      configuration.engine == engine
      ? [] : [Setting(knob: KnobName("engine"), value: .text(configuration.engine.rawValue), weight: 1)]
    return ofEngine
      + configuration.knobs.sorted { $0.key < $1.key }.map { knob, value in
        let parent = details[knob].flatMap { configuration[$0] }
        return Setting(
          knob: knob, value: value, level: number(value).flatMap { $0 > 0 ? log2($0) : nil },
          weight: parent == nil ? 1 : detailShare, parent: parent)
      }
  }

  private static func number(_ value: KnobValue) -> Double? {
    switch value {
    case .int(let number): Double(number)
    case .double(let number): number
    case .bool, .text: nil
    }
  }
}
