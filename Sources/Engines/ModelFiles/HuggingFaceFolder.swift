import FoundationEssentials
import Serving

/// A model as Hugging Face's libraries keep it: a folder with `config.json`, weights as safetensors and a tokenizer.
///
/// The folder is known by one digest: SHA-256 over the lines `<SHA-256 of the file>  <name>\n` of its files sorted by
/// name, which `sha256sum FILES | sha256sum` in the C locale computes too. Its files are `config.json`, the weights
/// (`model.safetensors`, or `model.safetensors.index.json` and every file it names) and those of `tokenizerFiles` that are
/// there. Anything else in the folder, such as a README or weights in another format, is no part of the model.
struct HuggingFaceFolder: Sendable {
  static let configurationFile = "config.json"
  static let singleFile = "model.safetensors"
  static let tokenizerFiles = [
    "added_tokens.json", "chat_template.jinja", "generation_config.json", "merges.txt", "special_tokens_map.json",
    "spiece.model", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
  ]

  let path: String
  let config: HuggingFaceConfig
  let tensors: [SafetensorsHeader.Tensor]
  /// Nil for a tokenizer in another format than `tokenizer.json`.
  let vocabulary: TokenizerVocabulary?
  /// The names of the model's files, sorted.
  let files: [String]

  /// Reads all headers, no weights.
  ///
  /// - Throws: `badInput` when a file is missing or not usable.
  init(_ path: String) throws(ApusError) {
    self.path = path
    let here = Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
    guard here.contains(Self.configurationFile) else {
      throw ApusError(
        .badInput, "the folder \(path) has no \(Self.configurationFile)",
        advice: "Give a folder with a model in Hugging Face format, or a GGUF file.")
    }
    let source = try RandomAccessFile("\(path)/\(Self.configurationFile)")
    guard source.size <= JSONTree.byteLimit else {
      throw ApusError(
        .badInput, "\(source.path) has \(source.size) bytes; at most \(JSONTree.byteLimit) are read",
        advice: "Fetch the model again.")
    }
    config = try HuggingFaceConfig(try source.read(at: 0, count: source.size), path: source.path)
    let weights: [String]
    if here.contains(SafetensorsIndex.fileName) {
      let index = try SafetensorsIndex(reading: try RandomAccessFile("\(path)/\(SafetensorsIndex.fileName)"))
      tensors = try index.tensors(path: path) { file throws(ApusError) in
        try SafetensorsHeader(reading: try RandomAccessFile("\(path)/\(file)"))
      }
      weights = index.files + [SafetensorsIndex.fileName]
    } else if here.contains(Self.singleFile) {
      tensors = try SafetensorsHeader(reading: try RandomAccessFile("\(path)/\(Self.singleFile)")).tensors
      weights = [Self.singleFile]
    } else {
      throw ApusError(
        .badInput, "the folder \(path) has neither \(Self.singleFile) nor \(SafetensorsIndex.fileName)",
        advice: "Only weights as safetensors are read; convert others with transformers' save_pretrained.")
    }
    vocabulary =
      here.contains(TokenizerVocabulary.fileName)
      ? try TokenizerVocabulary(reading: try RandomAccessFile("\(path)/\(TokenizerVocabulary.fileName)")) : nil
    files = ([Self.configurationFile] + weights + Self.tokenizerFiles.filter(here.contains)).sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
  }

  /// Reads every file: about a second for each gigabyte.
  func digest() throws(ApusError) -> ModelID {
    var hash = SHA256()
    for file in files { hash.update(Array("\(try SHA256.hexDigest(ofFile: "\(path)/\(file)"))  \(file)\n".utf8)) }
    return ModelID(hash.hexDigest())
  }
}
