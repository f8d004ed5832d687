import Serving

/// What a selector has not seen of the contexts it is asked about.
enum HeldOutPart: String, CaseIterable {
  /// The model on the hardware is known, in other workloads.
  case known
  case newHardware = "new hardware"
  case newModel = "new model"
  /// Nothing: what comes is a later trial.
  case measured

  /// For each part which contexts leave the training: a fifth of all, of the machines, of the models.
  static func leaveOut(
    _ contexts: [(model: String, hardware: String)], seed: UInt64
  ) -> [(part: HeldOutPart, isLeft: [Bool])] {
    var generator = SeededGenerator(seed: seed)
    func fifth(_ names: [String]) -> Set<String> {
      let distinct = Set(names).sorted().shuffled(using: &generator)
      return Set(distinct.prefix(max(1, distinct.count / 5)))
    }
    let numbers = contexts.indices.map { String($0) }
    let leaving = (fifth(numbers), fifth(contexts.map(\.hardware)), fifth(contexts.map(\.model)))
    return [
      (.known, numbers.map(leaving.0.contains)), (.newHardware, contexts.map { leaving.1.contains($0.hardware) }),
      (.newModel, contexts.map { leaving.2.contains($0.model) }),
    ]
  }
}
