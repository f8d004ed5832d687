import Engines
import Serving
import TestKit
import Testing

/// Knobs, and what the adapter of a server for GPUs makes of them for the folder `/m` and port 9000.
struct KnobCase: CustomStringConvertible {
  var knobs: [KnobName: KnobValue]
  var context: Int?
  var draft: String?
  var experts = 0
  /// Options that the default has not, in one text.
  var words = ""
  /// Text of the configuration file, where the engine takes one.
  var file: String?

  var description: String { knobs.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ") }

  /// `words` one by one.
  var wordList: [String] { words.split(separator: " ").map(String.init) }

  func plan(_ engine: any InferenceEngine) throws(ApusError) -> LaunchPlan {
    var model = ModelProfile.scripted
    model.expertCount = experts
    return try engine.launchPlan(
      LaunchRequest(
        modelPath: "/m", model: model, draftModelPath: draft,
        configuration: EngineConfiguration(engine: engine.name, knobs: knobs), coreCount: 4, contextTokens: context,
        port: 9000))
  }

  /// The adapter refuses the knobs as bad input, with this in the reason and some advice.
  func expectRefusal(_ reason: String, by engine: any InferenceEngine) {
    #expect { try plan(engine) } throws: { error in
      let error = error as? ApusError
      return error?.code == .badInput && error?.reason.contains(reason) == true && error?.advice.isEmpty == false
    }
  }
}
