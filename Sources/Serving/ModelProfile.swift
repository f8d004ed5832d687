/// How a model's files are made, which decides what engines can load it.
public enum ModelFormat: String, Codable, CaseIterable, Sendable {
  /// One file, as llama.cpp loads it.
  case gguf
  /// A folder with config.json and safetensors, as vLLM, SGLang and TensorRT-LLM load it.
  case huggingFace = "hugging-face"
}

/// What the selector knows about a model: read from its file, never asked of a person.
public struct ModelProfile: Hashable, Codable, Sendable {
  /// SHA-256 of the file; of a folder, of the list of its files' digests and names (`HuggingFaceFolder`).
  public var id: ModelID
  /// The name a person uses; unique in one coordinator.
  public var name: String
  /// As the file says, such as `llama` or `qwen3moe`.
  public var architecture: String
  /// All weights.
  public var parameterCount: Int
  /// Weights that one token uses: all of a dense model, the chosen experts' share of a mixture.
  public var activeParameterCount: Int
  public var layerCount: Int
  /// Of a head that drafts from another model's hidden states: the size of those.
  public var hiddenSize: Int
  public var headCount: Int
  public var keyValueHeadCount: Int
  /// Elements of one head's key; its value is taken to have as many.
  public var headSize: Int
  public var feedForwardSize: Int
  /// 0 for a dense model.
  public var expertCount: Int
  /// Experts that one token uses; 0 for a dense model.
  public var expertsPerToken: Int
  public var vocabularySize: Int
  /// Longest context, prompt and output together, in tokens.
  public var contextLength: Int
  /// The type most weight bytes have, such as `F16`, `Q8_0`, `Q4_0`.
  public var weightType: String
  /// Bytes of all tensors.
  public var weightBytes: Int
  /// Bytes of weights that one decoded token reads.
  public var activeWeightBytes: Int
  /// SHA-256 of the token list: a draft model must share it with its target. Empty when unknown.
  public var vocabularyFingerprint: String
  /// Equal for files that hold the same model with other weight types. Empty when unknown.
  public var variantGroup: String
  public var format: ModelFormat {
    get { otherFormat ?? .gguf }
    set { otherFormat = newValue == .gguf ? nil : newValue }
  }
  /// Layers behind the last one that predict tokens after the next (multi-token prediction); 0 without.
  public var mtpLayerCount: Int {
    get { mtpLayers ?? 0 }
    set { mtpLayers = newValue == 0 ? nil : newValue }
  }
  /// Of a head that drafts from the hidden states of another model: 1 for EAGLE and EAGLE-2, 3 for EAGLE-3. 0 for a model
  /// that answers by itself.
  public var eagleVersion: Int {
    get { eagle ?? 0 }
    set { eagle = newValue == 0 ? nil : newValue }
  }
  /// Whether the chat template in its file has a place for tools; nil where nobody looked.
  public var takesTools: Bool?
  /// Nil for what every model was before there was a word for it, so that profiles stored then read and write as they did.
  private var otherFormat: ModelFormat?
  private var mtpLayers: Int?
  private var eagle: Int?

  public init(
    id: ModelID, name: String, architecture: String, parameterCount: Int, activeParameterCount: Int,
    layerCount: Int, hiddenSize: Int, headCount: Int, keyValueHeadCount: Int, headSize: Int, feedForwardSize: Int,
    expertCount: Int, expertsPerToken: Int, vocabularySize: Int, contextLength: Int, weightType: String,
    weightBytes: Int, activeWeightBytes: Int, vocabularyFingerprint: String, variantGroup: String,
    format: ModelFormat = .gguf, mtpLayerCount: Int = 0, eagleVersion: Int = 0, takesTools: Bool? = nil
  ) {
    self.id = id
    self.name = name
    self.architecture = architecture
    self.parameterCount = parameterCount
    self.activeParameterCount = activeParameterCount
    self.layerCount = layerCount
    self.hiddenSize = hiddenSize
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headSize = headSize
    self.feedForwardSize = feedForwardSize
    self.expertCount = expertCount
    self.expertsPerToken = expertsPerToken
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.weightType = weightType
    self.weightBytes = weightBytes
    self.activeWeightBytes = activeWeightBytes
    self.vocabularyFingerprint = vocabularyFingerprint
    self.variantGroup = variantGroup
    self.format = format
    self.mtpLayerCount = mtpLayerCount
    self.eagleVersion = eagleVersion
    self.takesTools = takesTools
  }

  private enum CodingKeys: String, CodingKey {
    case id, name, architecture, parameterCount, activeParameterCount, layerCount, hiddenSize, headCount
    case keyValueHeadCount, headSize, feedForwardSize, expertCount, expertsPerToken, vocabularySize, contextLength
    case weightType, weightBytes, activeWeightBytes, vocabularyFingerprint, variantGroup, takesTools
    case otherFormat = "format"
    case mtpLayers = "mtpLayerCount"
    case eagle = "eagleVersion"
  }

  public var isMixtureOfExperts: Bool { expertCount > 0 }

  /// Bytes the key-value cache takes for one token of context.
  ///
  /// - Parameter bytesPerElement: 2 for F16, about 1.06 for Q8_0 (32 values and a 2-byte scale in 34 bytes).
  public func keyValueBytesPerToken(bytesPerElement: Double = 2) -> Double {
    2 * Double(layerCount * keyValueHeadCount * headSize) * bytesPerElement
  }
}
