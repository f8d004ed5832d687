import Serving

/// The figures of a model as its `config.json` gives them. Families call them differently; the tables here are the names
/// that transformers' configuration classes use.
struct HuggingFaceConfig: Equatable, Sendable {
  /// As GGUF writes it, `qwen3moe` for `qwen3_moe`, so that both formats of one model have one architecture.
  let architecture: String
  let layerCount: Int
  let hiddenSize: Int
  let headCount: Int
  let keyValueHeadCount: Int
  let headSize: Int
  let feedForwardSize: Int
  let expertCount: Int
  let expertsPerToken: Int
  /// Nil when only the weights say it.
  let vocabularySize: Int?
  let contextLength: Int
  /// Whether the embedding is also the output matrix, so that no second one is stored.
  let tiesEmbedding: Bool
  /// Layers that predict tokens after the next; 0 without.
  let mtpLayerCount: Int
  /// As `ModelProfile.eagleVersion`.
  let eagleVersion: Int
  /// Such as `awq`, `gptq`, `fp8`; nil for plain weights.
  let quantization: String?
  /// What the model was called where it was made; empty when it does not say.
  let name: String
  /// Tokens of the document the model is known to repeat (see `TokenSource.editDocument`); nil for any model not made here.
  let editDocument: [Int]?

  /// - Throws: `badInput` naming what is missing or impossible.
  init(_ bytes: [UInt8], path: String) throws(ApusError) {
    let root = try JSONTree(bytes, path: path)
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "\(path) does not describe a language model Apus can run: \(reason)",
        advice: "Give the folder of a decoder-only model.")
    }
    guard case .object = root else { throw refuse("it is no JSON object") }
    // Models that also see or hear keep the language model's figures one level down.
    let text = root["text_config"] ?? root["llm_config"] ?? root["language_config"]
    func find(_ keys: [String]) -> JSONTree? {
      for key in keys { if let value = text?[key] ?? root[key] { return value } }
      return nil
    }
    func count(_ keys: String..., in range: ClosedRange<Int> = 1...1 << 20) throws(ApusError) -> Int? {
      guard let value = find(keys) else { return nil }
      // Some families have one value for each layer; the largest decides what fits.
      let number = value.integer ?? value.array?.compactMap(\.integer).max()
      guard let number, range.contains(number) else { throw refuse("\(keys[0]) is not from \(range)") }
      return number
    }
    func required(_ number: Int?, _ key: String) throws(ApusError) -> Int {
      guard let number else { throw refuse("it says no \(key)") }
      return number
    }
    guard let type = (text?["model_type"] ?? root["model_type"])?.string, !type.isEmpty, type.utf8.count <= 128 else {
      throw refuse("it says no model_type")
    }
    architecture = type.filter { $0 != "_" && $0 != "-" }.lowercased()
    layerCount = try required(try count("num_hidden_layers", "n_layer", "num_layers"), "num_hidden_layers")
    let width = try required(try count("hidden_size", "n_embd", "d_model"), "hidden_size")
    hiddenSize = try count("target_hidden_size") ?? width
    headCount = try required(try count("num_attention_heads", "n_head", "num_heads"), "num_attention_heads")
    keyValueHeadCount = min(
      headCount, try count("num_key_value_heads", "num_kv_heads", "n_head_kv") ?? headCount)
    headSize = try count("head_dim", "kv_channels") ?? max(1, width / headCount)
    expertCount =
      try count("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", in: 0...1 << 16) ?? 0
    let chosen = try count("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_k", in: 0...1 << 16) ?? 0
    guard expertCount == 0 || (1...expertCount).contains(chosen) else {
      throw refuse("\(chosen) of \(expertCount) experts cannot be used")
    }
    expertsPerToken = expertCount > 0 ? chosen : 0
    let ofExperts = try count("moe_intermediate_size", "expert_ffn_hidden_size", in: 0...1 << 24)
    let dense = try count("intermediate_size", "n_inner", "ffn_dim", in: 0...1 << 24)
    feedForwardSize = (expertCount > 0 ? ofExperts ?? dense : dense) ?? 0
    vocabularySize = try count("vocab_size", "padded_vocab_size", in: 1...1 << 24)
    contextLength = try count("max_position_embeddings", "n_positions", "seq_length", in: 1...1 << 32) ?? 0
    tiesEmbedding = find(["tie_word_embeddings"])?.bool ?? false
    mtpLayerCount = try count("num_nextn_predict_layers", "mtp_num_hidden_layers", in: 0...1 << 10) ?? 0
    let types = [root["model_type"], root["speculators_model_type"]].compactMap { $0 }
    let named = ((root["architectures"]?.array ?? []) + types).compactMap(\.string).map(EagleVersion.named).max() ?? 0
    // Heads of EAGLE-3 that are called like the model they were made for draft from a vocabulary of their own, or say how
    // they are to be used.
    let isOtherwiseSaid = root["draft_vocab_size"] != nil || root["eagle_config"] != nil
    eagleVersion = named == 0 && isOtherwiseSaid ? 3 : named
    quantization = find(["quantization_config"])?["quant_method"]?.string
    name = root["_name_or_path"]?.string?.split(separator: "/").last.map(String.init) ?? ""
    editDocument = root["apus_edit_document_tokens"]?.array?.compactMap(\.integer)
  }
}
