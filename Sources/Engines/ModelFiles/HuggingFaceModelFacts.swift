import Serving

/// The figures of a model, worked out from files that are already known to be consistent.
struct HuggingFaceModelFacts {
  private let config: HuggingFaceConfig
  private let tensors: [SafetensorsHeader.Tensor]
  private let vocabulary: TokenizerVocabulary?
  private let vocabularySize: Int

  /// - Throws: `badInput` for weights that no language model has.
  init(
    _ config: HuggingFaceConfig, _ tensors: [SafetensorsHeader.Tensor], _ vocabulary: TokenizerVocabulary?, path: String
  ) throws(ApusError) {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "\(path) is not a language model Apus can run: \(reason)", advice: "Fetch the model again.")
    }
    let embedding = tensors.first { TensorClass.of($0.name) == .embedding && $0.shape.count == 2 }
    // A head that drafts for another model may use that model's embedding.
    guard embedding != nil || config.eagleVersion > 0 else { throw refuse("it has no token embedding") }
    vocabularySize = config.vocabularySize ?? min(embedding?.shape[0] ?? 0, TokenizerVocabulary.tokenLimit)
    guard vocabularySize > 0 else { throw refuse("it has no vocabulary") }
    self.config = config
    self.tensors = tensors
    self.vocabulary = vocabulary
  }

  func profile(id: ModelID, name: String) -> ModelProfile {
    let fingerprint = vocabulary?.fingerprint(size: vocabularySize) ?? ""
    let group = VariantGroup(
      architecture: config.architecture, name: config.name.isEmpty ? name : config.name,
      vocabularyFingerprint: fingerprint,
      figures: [
        config.layerCount, config.hiddenSize, config.headCount, config.keyValueHeadCount, config.headSize,
        config.expertCount, config.expertsPerToken, vocabularySize,
        sum { TensorClass.of($0.name) == .other ? 0 : $0.elementCount },
      ])
    return ModelProfile(
      id: id, name: name, architecture: config.architecture,
      parameterCount: sum { $0.elementCount }, activeParameterCount: activeSum { $0.elementCount },
      layerCount: config.layerCount, hiddenSize: config.hiddenSize, headCount: config.headCount,
      keyValueHeadCount: config.keyValueHeadCount, headSize: config.headSize, feedForwardSize: config.feedForwardSize,
      expertCount: config.expertCount, expertsPerToken: config.expertsPerToken, vocabularySize: vocabularySize,
      contextLength: config.contextLength, weightType: weightType, weightBytes: sum { $0.byteCount },
      activeWeightBytes: activeWeightBytes, vocabularyFingerprint: fingerprint, variantGroup: group.digest,
      format: .huggingFace, mtpLayerCount: config.mtpLayerCount, eagleVersion: config.eagleVersion)
  }

  /// Cannot overflow: the tensors lie one after the other in files that exist, and no element is smaller than 4 bits.
  private func sum(_ amount: (SafetensorsHeader.Tensor) -> Int) -> Int { tensors.reduce(0) { $0 + amount($1) } }

  /// The sum with the chosen experts' share of the expert tensors, whether each expert has its own or all have one.
  private func activeSum(_ amount: (SafetensorsHeader.Tensor) -> Int) -> Int {
    let all = sum(amount)
    guard config.expertCount > 0 else { return all }
    let experts = sum { TensorClass.of($0.name) == .experts ? amount($0) : 0 }
    return all - experts + experts / config.expertCount * config.expertsPerToken
  }

  /// A decoded token reads one row of the embedding, except where the same matrix is also the output's.
  private var activeWeightBytes: Int {
    let isTied = config.tiesEmbedding || !tensors.contains { TensorClass.of($0.name) == .output }
    return activeSum { tensor in
      guard !isTied, TensorClass.of(tensor.name) == .embedding, let rows = tensor.shape.first, rows > 0 else {
        return tensor.byteCount
      }
      return tensor.byteCount / rows
    }
  }

  /// The quantization where there is one, else the type with the most bytes; of two with as many, the first by name.
  private var weightType: String {
    if let quantization = config.quantization { return quantization.uppercased() }
    let bytes = Dictionary(tensors.map { ($0.type.rawValue, $0.byteCount) }, uniquingKeysWith: +)
    return bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
  }
}
