/// What files of one model with other weight types have in common, in either format.
struct VariantGroup {
  var architecture: String
  var name: String
  var vocabularyFingerprint: String
  /// Layers, sizes and counts that two different models hardly share.
  var figures: [Int]

  /// A digest of it all; empty without a name, as fine-tuned models share all figures.
  var digest: String {
    guard !name.isEmpty else { return "" }
    let text = [architecture, Self.withoutWeightType(name), vocabularyFingerprint] + figures.map(String.init)
    return SHA256.hexDigest(text.joined(separator: "|"))
  }

  /// `Tiny-Llama Q4_K_M`, `tiny-llama-f16` and `tiny-llama-hf` are all `tiny llama`.
  static func withoutWeightType(_ name: String) -> String {
    let words = name.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "." }
    let kept = words.filter { $0.wholeMatch(of: #/(i?q[1-8]_[a-z0-9_]+|b?f16|f32|mxfp4|tq[12]_0|gguf|hf)/#) == nil }
    return kept.joined(separator: " ")
  }
}
