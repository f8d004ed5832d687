import Engines
import Foundation
import Serving

/// Models as text and JSON.
enum ModelOutput {
  static func text(_ model: ModelProfile) -> String {
    let experts =
      model.isMixtureOfExperts ? ", \(model.expertsPerToken) of \(model.expertCount) experts for a token" : ""
    return """
      \(model.name)  \(model.format.rawValue), \(model.architecture), \(String(format: "%.1f", Double(model.parameterCount) / 1e6)) M parameters\
      \(experts), \(model.layerCount) layers, context \(model.contextLength)
      weights \(model.weightType), \(Figures.bytes(model.weightBytes)); \(Figures.bytes(model.activeWeightBytes)) read for a token
      SHA-256 \(model.id)
      """
  }

  /// `bytes: attention 12.6 MB, ...`, the most first.
  static func text(_ bytesByClass: [TensorClass: Int]) -> String {
    let parts = bytesByClass.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
    return "bytes: " + parts.map { "\($0.key.rawValue) \(Figures.bytes($0.value))" }.joined(separator: ", ")
  }

  static func json(
    _ model: ModelProfile, workers: [WorkerName], bytesByClass: [TensorClass: Int]? = nil
  ) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("name", .string(model.name)), ("sha256", .string(model.id.rawValue)),
      ("format", .string(model.format.rawValue)), ("architecture", .string(model.architecture)),
      ("parameter_count", .int(model.parameterCount)), ("active_parameter_count", .int(model.activeParameterCount)),
      ("layer_count", .int(model.layerCount)), ("hidden_size", .int(model.hiddenSize)),
      ("head_count", .int(model.headCount)), ("key_value_head_count", .int(model.keyValueHeadCount)),
      ("head_size", .int(model.headSize)), ("feed_forward_size", .int(model.feedForwardSize)),
      ("expert_count", .int(model.expertCount)), ("experts_per_token", .int(model.expertsPerToken)),
      ("vocabulary_size", .int(model.vocabularySize)), ("context_tokens", .int(model.contextLength)),
      ("weight_type", .string(model.weightType)), ("weight_bytes", .int(model.weightBytes)),
      ("active_weight_bytes", .int(model.activeWeightBytes)),
      ("workers", JSONValue(strings: workers.map(\.rawValue))),
    ]
    if let bytesByClass {
      let classes = bytesByClass.sorted { $0.key.rawValue < $1.key.rawValue }
      members.append(("bytes_by_class", .object(classes.map { ("\($0.key.rawValue)_bytes", JSONValue.int($0.value)) })))
    }
    return .object(members)
  }
}
