import Serving

/// What a configuration's ratio to the default may have in common with other ratios, as numbers that mean the same in
/// every process: each knob it sets, each setting, and all settings together; and each of these with the workload, the
/// hardware and the model at hand.
struct EffectKeys: Sendable {
  /// Of the context as a whole: what all its ratios share, the noise of its default's time above all.
  let context: UInt64
  private let places: [UInt64]

  /// Workloads of similar shapes are one, and so is a model in several weight types.
  init(model: ModelProfile, hardware: HardwareProfile, workload: Workload) {
    let shape = WorkloadShape(workload).neighbourhood
    let lengths = "\(shape.promptTokens.lowerBound) \(shape.outputTokens.lowerBound) \(shape.concurrency)"
    let family = model.variantGroup.isEmpty ? model.id.rawValue : model.variantGroup
    places = [
      "workload \(lengths) \(shape.arrivalRate) \(shape.sharedPrefixShare) \(shape.repetitiveness)",
      "hardware \(hardware.fingerprint)", "model \(family)",
    ].map { StableHash.of($0) }
    context = places.reduce(StableHash.of(model.id.rawValue), Self.joined)
  }

  func of(_ configuration: EngineConfiguration) -> [UInt64] {
    var keys: [UInt64] = []
    var whole = StableHash.of(configuration.engine.rawValue)
    for (knob, value) in configuration.knobs.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let name = StableHash.of(knob.rawValue)
      let setting = Self.joined(name, StableHash.of(value.description))
      keys += [name, setting]
      whole = Self.joined(whole, setting)
    }
    keys.append(whole)
    return keys + places.flatMap { place in keys.map { Self.joined($0, place) } }
  }

  private static func joined(_ first: UInt64, _ second: UInt64) -> UInt64 {
    let mixed = (first << 23 | first >> 41) ^ second &* 0x9E37_79B9_7F4A_7C15
    return (mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9
  }
}
