extension ModelProfile {
  /// A model of which nothing but its id and name is known: its file is not here, or it lives in somebody else's server.
  public static func unknown(_ id: ModelID, name: String? = nil, contextLength: Int = 0) -> ModelProfile {
    ModelProfile(
      id: id, name: name ?? id.rawValue, architecture: "unknown", parameterCount: 0, activeParameterCount: 0,
      layerCount: 0, hiddenSize: 0, headCount: 0, keyValueHeadCount: 0, headSize: 0, feedForwardSize: 0, expertCount: 0,
      expertsPerToken: 0, vocabularySize: 0, contextLength: contextLength, weightType: "unknown", weightBytes: 0,
      activeWeightBytes: 0, vocabularyFingerprint: "", variantGroup: "")
  }

  /// Whether its weights were read from a file. Without, no engine can be started with it: only a server that has it
  /// already can run it.
  public var hasKnownWeights: Bool { weightBytes > 0 }
}
