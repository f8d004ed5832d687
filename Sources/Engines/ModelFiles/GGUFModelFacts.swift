import Serving

/// The figures of a model, worked out from a header that is already known to be consistent.
struct GGUFModelFacts {
  private let header: GGUFHeader
  private let architecture: String
  private let layerCount: Int
  /// Layers behind those; 0 without.
  private let mtpLayerCount: Int
  /// Of a head that drafts for another model: of the hidden states that it reads.
  private let hiddenSize: Int
  private let headCount: Int
  private let expertCount: Int
  private let expertsPerToken: Int
  private let vocabularySize: Int

  /// - Throws: `badInput` naming what is missing or impossible.
  init(_ header: GGUFHeader, path: String) throws(ApusError) {
    func refuse(_ reason: String, advice: String = "Fetch or convert the model again.") -> ApusError {
      ApusError(.badInput, "\(path) is not a language model Apus can run: \(reason)", advice: advice)
    }
    guard let architecture = header.metadata["general.architecture"]?.text, !architecture.isEmpty else {
      throw refuse("it does not say its architecture")
    }
    func number(_ key: String) -> Int? { header.metadata["\(architecture).\(key)"]?.count }
    func required(_ key: String) throws(ApusError) -> Int {
      // No model has a million layers or heads; a bound keeps products of these figures far from overflow.
      guard let value = number(key), (1...1 << 20).contains(value) else {
        throw refuse("it says no possible \(architecture).\(key)")
      }
      return value
    }
    if let parts = header.metadata["split.count"]?.count, parts > 1 {
      throw refuse(
        "it is one of \(parts) parts", advice: "Merge them first: llama-gguf-split --merge FIRST.gguf ALL.gguf")
    }
    guard !header.tensors.isEmpty else { throw refuse("it has no tensors") }
    let blockCount = try required("block_count")
    mtpLayerCount = Self.mtpLayers(header, said: number("nextn_predict_layers") ?? 0, ofBlocks: blockCount)
    layerCount = blockCount - mtpLayerCount
    let width = try required("embedding_length")
    hiddenSize = try number("target_hidden_size") == nil ? width : required("target_hidden_size")
    headCount = try required("attention.head_count")
    expertCount = number("expert_count") ?? 0
    expertsPerToken = number("expert_used_count") ?? 0
    guard expertCount <= 1 << 16, expertCount == 0 || (1...expertCount).contains(expertsPerToken) else {
      throw refuse("\(expertsPerToken) of \(expertCount) experts cannot be used")
    }
    let embedding = header.tensors.first { $0.name == "token_embd.weight" }
    if case .array(let count, _) = header.metadata["tokenizer.ggml.tokens"] {
      vocabularySize = count
    } else {
      vocabularySize = number("vocab_size") ?? embedding?.shape.dropFirst().first ?? 0
    }
    guard vocabularySize > 0 else { throw refuse("it has no vocabulary") }
    self.architecture = architecture
    self.header = header
  }

  private func number(_ key: String) -> Int? { header.metadata["\(architecture).\(key)"]?.count }

  func profile(id: ModelID, name: String) -> ModelProfile {
    let keyValueHeads = min(headCount, max(1, number("attention.head_count_kv") ?? headCount))
    let headSize = number("attention.key_length") ?? (number("embedding_length") ?? hiddenSize) / headCount
    return ModelProfile(
      id: id, name: name, architecture: architecture,
      parameterCount: sum { $0.elementCount }, activeParameterCount: activeSum { $0.elementCount },
      layerCount: layerCount, hiddenSize: hiddenSize, headCount: headCount, keyValueHeadCount: keyValueHeads,
      headSize: min(max(1, headSize), 1 << 20),
      feedForwardSize: number("feed_forward_length") ?? number("expert_feed_forward_length") ?? 0,
      expertCount: expertCount, expertsPerToken: expertCount > 0 ? expertsPerToken : 0,
      vocabularySize: vocabularySize, contextLength: number("context_length") ?? 0, weightType: weightType,
      weightBytes: sum { $0.byteCount }, activeWeightBytes: activeWeightBytes,
      vocabularyFingerprint: vocabularyFingerprint, variantGroup: variantGroup(headSize, keyValueHeads),
      mtpLayerCount: mtpLayerCount, eagleVersion: EagleVersion.named(architecture), takesTools: takesTools)
  }

  /// A template is a program: one that never names its variable `tools` cannot show them to the model. What one that does
  /// makes of them, its engine tells. Some models have a template of its own for tools.
  private var takesTools: Bool {
    header.metadata.contains { key, value in
      key.hasPrefix("tokenizer.chat_template") && value.text?.contains("tools") == true
    }
  }

  /// Some files keep the figure of the model they were made of, and leave the layers out.
  private static func mtpLayers(_ header: GGUFHeader, said count: Int, ofBlocks blockCount: Int) -> Int {
    guard (0..<blockCount).contains(count), header.tensors.contains(where: { $0.name.contains(".nextn.") }) else {
      return 0
    }
    return count
  }

  /// Whether a tensor is of a layer that only drafts (`blk.N.`), which no engine reads where nothing is drafted with it.
  private func isOfDrafting(_ name: String) -> Bool {
    let parts = name.split(separator: ".", maxSplits: 2)
    guard mtpLayerCount > 0, parts.count > 1, parts[0] == "blk", let block = Int(parts[1]) else { return false }
    return block >= layerCount
  }

  var bytesByClass: [TensorClass: Int] {
    Dictionary(header.tensors.map { (TensorClass.of($0.name), $0.byteCount) }, uniquingKeysWith: +)
  }

  private func sum(_ amount: (GGUFHeader.Tensor) -> Int) -> Int { header.tensors.reduce(0) { $0 + amount($1) } }

  /// The sum with the chosen experts' share of the expert tensors (`blk.N.ffn_up_exps.weight`, all experts in one), without
  /// the layers that only draft.
  private func activeSum(_ amount: (GGUFHeader.Tensor) -> Int) -> Int {
    sum { tensor in
      if isOfDrafting(tensor.name) { return 0 }
      guard expertCount > 0, TensorClass.of(tensor.name) == .experts else { return amount(tensor) }
      return amount(tensor) / expertCount * expertsPerToken
    }
  }

  /// A decoded token reads one row of the embedding, except where the same matrix is also the output's.
  private var activeWeightBytes: Int {
    let hasOwnOutput = header.tensors.contains { $0.name == "output.weight" }
    return activeSum { tensor in
      guard hasOwnOutput, tensor.name == "token_embd.weight" else { return tensor.byteCount }
      return tensor.byteCount / max(1, tensor.elementCount / tensor.shape[0])
    }
  }

  /// The type with the most bytes; of two with as many, the first by name.
  private var weightType: String {
    let bytes = Dictionary(header.tensors.map { ($0.type.name, $0.byteCount) }, uniquingKeysWith: +)
    return bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
  }

  private var vocabularyFingerprint: String {
    guard case .array(_, let digest?) = header.metadata["tokenizer.ggml.tokens"] else { return "" }
    return digest
  }

  private func variantGroup(_ headSize: Int, _ keyValueHeads: Int) -> String {
    VariantGroup(
      architecture: architecture, name: header.metadata["general.name"]?.text ?? "",
      vocabularyFingerprint: vocabularyFingerprint,
      figures: [
        layerCount, hiddenSize, headCount, keyValueHeads, headSize, expertCount, expertsPerToken, vocabularySize,
        // Converters add tables that the other format computes, such as rotary frequencies.
        sum { TensorClass.of($0.name) == .other ? 0 : $0.elementCount },
      ]
    ).digest
  }
}
