/// Tells a head that drafts from another model's hidden states by the names its file has.
enum EagleVersion {
  /// 3 for EAGLE-3, 1 for EAGLE and EAGLE-2, whose heads are alike, 0 for anything else.
  ///
  /// - Parameter name: of an architecture: `eagle3` in GGUF; `LlamaForCausalLMEagle3`, `Eagle3LlamaForCausalLM` or
  ///   `EagleDeepSeekMTPModel` in `config.json`.
  static func named(_ name: String) -> Int {
    let name = name.lowercased()
    guard name.contains("eagle") else { return 0 }
    return name.contains("eagle3") ? 3 : 1
  }
}
