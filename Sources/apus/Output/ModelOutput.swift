import Foundation
import Serving

/// Models as text and JSON.
enum ModelOutput {
  static func text(_ model: ModelProfile) -> String {
    let experts =
      model.isMixtureOfExperts ? ", \(model.expertsPerToken) of \(model.expertCount) experts for a token" : ""
    return """
      \(model.name)  \(model.architecture), \(String(format: "%.1f", Double(model.parameterCount) / 1e6)) M parameters\
      \(experts), \(model.layerCount) layers, context \(model.contextLength)
      weights \(model.weightType), \(Figures.bytes(model.weightBytes)); \(Figures.bytes(model.activeWeightBytes)) read for a token
      SHA-256 \(model.id)
      """
  }

  static func json(_ model: ModelProfile, workers: [WorkerName]) -> JSONValue {
    .object([
      ("name", .string(model.name)), ("sha256", .string(model.id.rawValue)),
      ("architecture", .string(model.architecture)), ("parameter_count", .int(model.parameterCount)),
      ("active_parameter_count", .int(model.activeParameterCount)), ("layer_count", .int(model.layerCount)),
      ("expert_count", .int(model.expertCount)), ("experts_per_token", .int(model.expertsPerToken)),
      ("context_tokens", .int(model.contextLength)), ("weight_type", .string(model.weightType)),
      ("weight_bytes", .int(model.weightBytes)), ("active_weight_bytes", .int(model.activeWeightBytes)),
      ("workers", JSONValue(strings: workers.map(\.rawValue))),
    ])
  }
}
