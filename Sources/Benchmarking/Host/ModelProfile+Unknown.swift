import Serving

extension ModelProfile {
  /// A model this worker does not know, for the measurement that says so.
  static func unknown(_ id: ModelID) -> ModelProfile {
    ModelProfile(
      id: id, name: id.rawValue, architecture: "unknown", parameterCount: 0, activeParameterCount: 0, layerCount: 0,
      hiddenSize: 0, headCount: 0, keyValueHeadCount: 0, headSize: 0, feedForwardSize: 0, expertCount: 0,
      expertsPerToken: 0, vocabularySize: 0, contextLength: 0, weightType: "unknown", weightBytes: 0,
      activeWeightBytes: 0, vocabularyFingerprint: "", variantGroup: "")
  }
}
