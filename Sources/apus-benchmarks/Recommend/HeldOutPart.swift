import Serving

/// What a selector has not seen of the contexts it is asked about.
enum HeldOutPart: String, CaseIterable {
  /// The model on the hardware is known, in other workloads.
  case known
  case newHardware = "new hardware"
  case newModel = "new model"
  case newModelAndHardware = "new model and hardware"
  /// Nothing: what comes is a later trial.
  case measured

  /// For each part which contexts leave the training (a fifth of all, of the machines, of the models, of both), and which
  /// of these are then asked about.
  static func leaveOut(
    _ contexts: [(model: String, hardware: String)], seed: UInt64
  ) -> [(part: HeldOutPart, isLeft: [Bool], isAsked: [Bool])] {
    var generator = SeededGenerator(seed: seed)
    func fifth(_ names: [String]) -> Set<String> {
      let distinct = Set(names).sorted().shuffled(using: &generator)
      return Set(distinct.prefix(max(1, distinct.count / 5)))
    }
    let numbers = contexts.indices.map { String($0) }
    let leaving = (fifth(numbers), fifth(contexts.map(\.hardware)), fifth(contexts.map(\.model)))
    let isKnown = numbers.map(leaving.0.contains)
    let isHardware = contexts.map { leaving.1.contains($0.hardware) }
    let isModel = contexts.map { leaving.2.contains($0.model) }
    return [
      (.known, isKnown, isKnown), (.newHardware, isHardware, isHardware), (.newModel, isModel, isModel),
      (.newModelAndHardware, zip(isModel, isHardware).map { $0 || $1 }, zip(isModel, isHardware).map { $0 && $1 }),
    ]
  }
}
