import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Builds small models in Hugging Face format, right and wrong, and looks at what the reader makes of them.
@Suite("HuggingFaceReader") struct HuggingFaceReaderTests {
  private let folder = TemporaryFolder()

  private func profile(_ files: HuggingFaceFiles) throws -> ModelProfile {
    try HuggingFaceReader.profile(
      config: files.configBytes, weights: BytesInMemory(files.weights()),
      tokenizer: BytesInMemory(files.tokenizerBytes))
  }

  /// Every figure of a model small enough to do by hand, and its digest as two runs of sha256sum give it.
  @Test func profileOfADenseModel() throws {
    let path = try HuggingFaceFiles().write(to: folder, as: "tiny")
    folder.write(Array("no part of the model".utf8), as: "tiny/README.md")
    let profile = try HuggingFaceReader.profile(path: path, name: nil)
    #expect(profile.name == "tiny" && profile.format == .huggingFace && profile.architecture == "llama")
    let lines = ["config.json", "model.safetensors", "tokenizer.json"].map { "\(sha256sum("\(path)/\($0)"))  \($0)\n" }
    folder.write(Array(lines.joined().utf8), as: "list")
    #expect(profile.id.rawValue == sha256sum("\(folder.path)/list"))
    #expect(profile.parameterCount == 2 * 32 * 4 + 32 * 32)
    #expect(profile.activeParameterCount == profile.parameterCount)
    #expect(profile.layerCount == 1 && profile.hiddenSize == 32 && profile.headCount == 4)
    #expect(profile.keyValueHeadCount == 2 && profile.headSize == 8 && profile.feedForwardSize == 64)
    #expect(profile.vocabularySize == 4 && profile.contextLength == 128)
    #expect(profile.weightType == "F16")
    #expect(profile.weightBytes == 2 * profile.parameterCount)
    #expect(profile.activeWeightBytes == 2 * (32 + 4 * 32 + 32 * 32), "of the embedding one token reads one row")
    #expect(try HuggingFaceReader.editDocument(path: path) == [3, 1, 2])
    #expect(
      try HuggingFaceReader.bytesByClass(path: path) == [.embedding: 256, .output: 256, .attention: 2048])
  }

  /// The same model as a GGUF file and as a folder: equal figures, vocabulary and group, but two models.
  @Test func bothFormatsOfOneModelAreOneGroup() throws {
    let gguf = try GGUFReader.profile(reading: BytesInMemory(GGUFBytes().bytes))
    let folder = try profile(HuggingFaceFiles())
    #expect(!gguf.variantGroup.isEmpty)
    #expect(folder.variantGroup == gguf.variantGroup)
    #expect(folder.vocabularyFingerprint == gguf.vocabularyFingerprint)
    var other = HuggingFaceFiles()
    other.tokens[3] = "e"
    #expect(try profile(other).variantGroup != gguf.variantGroup)
  }

  /// Of 8 experts a token uses 2, whether each has a tensor of its own or all share one.
  @Test(arguments: [
    [HuggingFaceFiles.Tensor(name: "model.layers.0.mlp.experts.gate_up_proj", shape: [8, 64, 32])],
    (0..<8).map { HuggingFaceFiles.Tensor(name: "model.layers.0.mlp.experts.\($0).up_proj.weight", shape: [64, 32]) },
  ])
  func activeShareOfAMixture(_ experts: [HuggingFaceFiles.Tensor]) throws {
    var files = HuggingFaceFiles()
    files.config["model_type"] = "qwen3_moe"
    files.config["num_experts"] = 8
    files.config["num_experts_per_tok"] = 2
    files.config["moe_intermediate_size"] = 48
    files.tensors += experts
    let profile = try profile(files)
    #expect(profile.architecture == "qwen3moe")
    #expect(profile.expertCount == 8 && profile.expertsPerToken == 2 && profile.feedForwardSize == 48)
    #expect(profile.parameterCount - profile.activeParameterCount == 32 * 64 * 6)
    #expect(profile.weightBytes - profile.activeWeightBytes == 2 * (32 * 64 * 6 + 3 * 32))
  }

  /// Layers for multi-token prediction, under each family's name for them.
  @Test(arguments: ["num_nextn_predict_layers", "mtp_num_hidden_layers"]) func mtpLayers(key: String) throws {
    var files = HuggingFaceFiles()
    #expect(try profile(files).mtpLayerCount == 0)
    files.config[key] = 2
    #expect(try profile(files).mtpLayerCount == 2)
    files.config[key] = -1
    #expect(throws: ApusError.self) { try profile(files) }
  }

  /// Heads as their authors publish them: by architecture, by what speculators writes, or by a vocabulary of their own. A
  /// head needs no embedding, a model does.
  @Test(
    arguments: [
      ("architectures", ["LlamaForCausalLMEagle3"], 3), ("architectures", ["Eagle3LlamaForCausalLM"], 3),
      ("architectures", ["EagleLlamaForCausalLM"], 1), ("speculators_model_type", "eagle3", 3),
      ("model_type", "eagle", 1), ("draft_vocab_size", 2, 3), ("eagle_config", [String: Int](), 3),
      ("architectures", ["LlamaForCausalLM"], 0),
    ] as [(String, any Sendable, Int)]) func eagleHeads(key: String, value: any Sendable, version: Int) throws
  {
    var files = HuggingFaceFiles()
    files.config[key] = value
    #expect(try profile(files).eagleVersion == version)
    files.config["target_hidden_size"] = 64
    #expect(try profile(files).hiddenSize == 64)
    files.tensors.removeFirst()
    if version > 0 {
      #expect(try profile(files).vocabularySize == 4)
    } else {
      #expect(throws: ApusError.self) { try profile(files) }
    }
  }

  /// A model that also sees keeps the language model's figures one level down.
  @Test func figuresOfANestedConfiguration() throws {
    var files = HuggingFaceFiles()
    let text = files.config
    files.config = ["model_type": "llava", "text_config": text]
    #expect(try profile(files).hiddenSize == 32)
    #expect(try profile(files).architecture == "llama")
  }

  /// Without an output matrix, or with one that the configuration ties, the embedding is read in full.
  @Test func tiedEmbeddingIsReadInFull() throws {
    var files = HuggingFaceFiles()
    files.config["tie_word_embeddings"] = true
    files.tensors.removeAll { $0.name == "lm_head.weight" }
    #expect(try profile(files).activeWeightBytes == 2 * (4 * 32 + 32 * 32))
  }

  /// Cut off at any byte, each file is refused as bad input, and nothing else happens.
  @Test func everyTruncationIsRefused() throws {
    let files = HuggingFaceFiles()
    func isRefused(_ name: String, _ bytes: [UInt8], _ read: ([UInt8]) throws -> ModelProfile) {
      for count in 0..<bytes.count {
        #expect("\(name) cut after \(count) bytes") { try read(Array(bytes[..<count])) } throws: {
          ($0 as? ApusError)?.code == .badInput
        }
      }
    }
    isRefused("config", files.configBytes) {
      try HuggingFaceReader.profile(config: $0, weights: BytesInMemory(files.weights()), tokenizer: nil)
    }
    isRefused("weights", files.weights()) {
      try HuggingFaceReader.profile(config: files.configBytes, weights: BytesInMemory($0), tokenizer: nil)
    }
    isRefused("tokenizer", files.tokenizerBytes) {
      try HuggingFaceReader.profile(
        config: files.configBytes, weights: BytesInMemory(files.weights()), tokenizer: BytesInMemory($0))
    }
  }

  struct Lie: CustomStringConvertible, Sendable {
    var description: String
    /// Part of the refusal.
    var reason: String
    var tell: @Sendable (inout HuggingFaceFiles) -> Void

    init(_ description: String, _ reason: String, _ tell: @escaping @Sendable (inout HuggingFaceFiles) -> Void) {
      self.description = description
      self.reason = reason
      self.tell = tell
    }
  }

  static let deep = String(repeating: "[", count: 100_000)
  static let lies: [Lie] = [
    Lie("a header longer than the file", "its header claims") { $0.claimedHeader = 1 << 20 },
    Lie("a header as long as memory", "its header claims 18446744073709551615 bytes") { $0.claimedHeader = .max },
    Lie("a header that is no object", "does not begin with {") { $0.header = "[]" },
    Lie("deep JSON", "nested deeper") { $0.header = "{\"__metadata__\":\(deep)" },
    Lie("something behind the object", "something follows") { $0.header = "{}x" },
    Lie("no tensors", "belong to none") {
      $0.header = "{}"
      $0.dataSize = 8
    },
    Lie("a tensor twice", "twice") { $0.tensors.append($0.tensors[0]) },
    Lie("an unknown type", "unknown type Q4_0") { $0.tensors[0].type = "Q4_0" },
    Lie("another type than its bytes", "take 512") { $0.tensors[0].type = "F32" },
    Lie("a negative dimension", "impossible dimension") { $0.tensors[0].shape = [-4, 32] },
    Lie("more elements than can be counted", "more elements") {
      $0.tensors[0].shape = [1 << 40, 1 << 40]
      $0.tensors[0].offsets = (0, 256)
    },
    Lie("more axes than any tensor", "more than 16 numbers") {
      $0.tensors[0].shape = Array(repeating: 1, count: 17)
      $0.tensors[0].offsets = (0, 2)
    },
    Lie("offsets backwards", "no two data_offsets in order") { $0.tensors[1].offsets = (512, 256) },
    Lie("overlapping tensors", "another still lies") { $0.tensors[1].offsets = (128, 384) },
    Lie("a hole between tensors", "a hole ends") { $0.tensors[1].offsets = (300, 556) },
    Lie("weights beyond the file", "ends behind the file's") { $0.dataSize = 2000 },
    Lie("bytes that belong to no tensor", "belong to none") { $0.dataSize = 1 << 16 },
    Lie("no embedding", "no token embedding") { $0.tensors.removeFirst() },
    Lie("no layers", "no num_hidden_layers") { $0.config["num_hidden_layers"] = nil },
    Lie("a billion heads", "num_attention_heads is not from") { $0.config["num_attention_heads"] = 1_000_000_000 },
    Lie("a negative size", "hidden_size is not from") { $0.config["hidden_size"] = -1 },
    Lie("a text for a number", "hidden_size is not from") { $0.config["hidden_size"] = "32" },
    Lie("no kind of model", "no model_type") { $0.config["model_type"] = nil },
    Lie("more experts used than there are", "9 of 8 experts") {
      $0.config["num_experts"] = 8
      $0.config["num_experts_per_tok"] = 9
    },
  ]

  @Test(arguments: lies) func liesAreRefused(_ lie: Lie) throws {
    var files = HuggingFaceFiles()
    lie.tell(&files)
    #expect("\(lie)") { try profile(files) } throws: { error in
      let error = error as? ApusError
      return error?.code == .badInput && error?.reason.contains(lie.reason) == true
    }
  }

  /// Weights in several files are the same model's figures, and are known by the digest of all files.
  @Test func partsAreOneModel() throws {
    let whole = try HuggingFaceReader.profile(path: try HuggingFaceFiles().write(to: folder, as: "tiny"), name: nil)
    var parts = try HuggingFaceReader.profile(
      path: try HuggingFaceFiles().writeInParts(to: folder, as: "parts"), name: "tiny")
    #expect(parts.id != whole.id)
    parts.id = whole.id
    #expect(parts == whole)
  }

  @Test func faultyPartsAreRefused() throws {
    let one = "model-00001-of-00002.safetensors"
    let two = "model-00002-of-00002.safetensors"
    let names = HuggingFaceFiles().tensors.map(\.name)
    let cases: [(index: [String: String], reason: String)] = [
      ([names[0]: one, names[1]: one, names[2]: one], "in no file"),
      ([names[0]: one, names[1]: two, names[2]: two], "the index says"),
      ([names[0]: one, names[2]: two], "the index has not"),
      ([names[0]: one, names[1]: one, names[2]: two, "another": two], "1 tensors are in no file"),
      ([names[0]: one, names[1]: one, names[2]: "model-3.safetensors"], "cannot read"),
      ([names[0]: one, names[1]: one, names[2]: "../parts0/\(two)"], "is not beside it"),
    ]
    for (number, fault) in cases.enumerated() {
      let path = try HuggingFaceFiles().writeInParts(to: folder, as: "parts\(number)", index: fault.index)
      #expect("\(fault.reason)") { try HuggingFaceReader.profile(path: path, name: nil) } throws: {
        ($0 as? ApusError)?.reason.contains(fault.reason) == true
      }
    }
  }

  @Test func foldersWithoutAModelAreRefused() throws {
    #expect(throws: ApusError.self) { try ModelReader.profile(path: folder.path, name: nil) }
    folder.write(HuggingFaceFiles().configBytes, as: "config.json")
    #expect { try ModelReader.profile(path: folder.path, name: nil) } throws: {
      ($0 as? ApusError)?.reason.contains("neither model.safetensors nor") == true
    }
  }

  /// A folder is listed beside files, found again by its index, read anew when a file in it changes, and added by link.
  @Test func libraryListsFolders() throws {
    try HuggingFaceFiles().write(to: folder, as: "tiny-hf")
    folder.write(GGUFBytes().bytes, as: "tiny.gguf")
    let first = try ModelLibrary(directory: folder.path).scan()
    #expect(first.map(\.name) == ["tiny", "tiny-hf"] && first.map(\.format) == [.gguf, .huggingFace])
    #expect(try ModelLibrary(directory: folder.path).scan() == first)
    var changed = HuggingFaceFiles()
    changed.config["max_position_embeddings"] = 256
    folder.write(changed.configBytes, as: "tiny-hf/config.json")
    let library = ModelLibrary(directory: folder.path)
    #expect(try library.scan().last?.contextLength == 256)

    let elsewhere = TemporaryFolder()
    let added = try ModelLibrary(directory: elsewhere.path).add(path: "\(folder.path)/tiny-hf", name: "linked")
    #expect(added.format == .huggingFace && added.name == "linked")
    #expect(try ModelLibrary(directory: elsewhere.path).scan().map(\.name) == ["linked"])
  }
}
