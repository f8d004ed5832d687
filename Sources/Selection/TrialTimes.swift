import Serving

/// How long engines took to get ready: what a trial costs beside its requests.
struct TrialTimes: Sendable {
  private struct Mean: Sendable {
    var seconds = 0.0
    var count = 0

    mutating func add(_ value: Double) {
      count += 1
      seconds += (value - seconds) / Double(count)
    }
  }

  private struct Key: Hashable {
    var model: Int32
    var hardware: Int32
  }

  private var loads: [Key: Mean] = [:]
  private var all = Mean()

  mutating func add(_ loadSeconds: Double, model: Int32, hardware: Int32) {
    guard loadSeconds >= 0, loadSeconds < 86_400 else { return }
    loads[Key(model: model, hardware: hardware), default: Mean()].add(loadSeconds)
    all.add(loadSeconds)
  }

  /// Mean start of an engine with this model there, or of any engine anywhere; nil when none was ever timed.
  func loadSeconds(_ place: (model: Int32, hardware: Int32)?) -> Double? {
    if let place, let known = loads[Key(model: place.model, hardware: place.hardware)] { return known.seconds }
    return all.count > 0 ? all.seconds : nil
  }
}
