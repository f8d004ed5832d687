public import Serving

/// What a model in Hugging Face format says of itself, as the selector needs it.
public enum HuggingFaceReader {
  /// The profile of a folder. Hashes all its files: about a second for each gigabyte.
  ///
  /// - Parameter name: what people call it; the folder's name when nil.
  /// - Throws: `badInput` for a folder that cannot be read or that no engine could load.
  public static func profile(path: String, name: String?) throws(ApusError) -> ModelProfile {
    let folder = try HuggingFaceFolder(path)
    let facts = try HuggingFaceModelFacts(folder.config, folder.tensors, folder.vocabulary, path: path)
    let last = path.split(separator: "/").last.map(String.init) ?? path
    return facts.profile(id: try folder.digest(), name: name ?? last)
  }

  /// The same from bytes, without a digest: what a fuzzer calls. Everything `profile` reads goes through this.
  ///
  /// - Parameters:
  ///   - config: `config.json`.
  ///   - weights: one safetensors file.
  ///   - tokenizer: `tokenizer.json`; nil for none.
  public static func profile(
    config: [UInt8], weights: any ByteSource, tokenizer: (any ByteSource)?
  ) throws(ApusError) -> ModelProfile {
    let facts = try HuggingFaceModelFacts(
      try HuggingFaceConfig(config, path: HuggingFaceFolder.configurationFile),
      try SafetensorsHeader(reading: weights).tensors,
      try tokenizer.map { source throws(ApusError) in try TokenizerVocabulary(reading: source) }, path: weights.path)
    return facts.profile(id: ModelID(""), name: "")
  }

  /// Tokens of the document the model is known to repeat; nil for any model not made here.
  public static func editDocument(path: String) throws(ApusError) -> [Int]? {
    try HuggingFaceFolder(path).config.editDocument
  }

  /// Bytes of the weights by what they are for.
  public static func bytesByClass(path: String) throws(ApusError) -> [TensorClass: Int] {
    Dictionary(
      try HuggingFaceFolder(path).tensors.map { (TensorClass.of($0.name), $0.byteCount) }, uniquingKeysWith: +)
  }
}
