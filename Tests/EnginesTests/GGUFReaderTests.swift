import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Builds small files, right and wrong, and looks at what the reader makes of them.
@Suite("GGUFReader") struct GGUFReaderTests {
  private let folder = TemporaryFolder()

  private func profile(_ file: GGUFBytes, as name: String = "model.gguf") throws -> ModelProfile {
    try GGUFReader.profile(path: folder.write(file.bytes, as: name), name: nil)
  }

  /// Every figure of a file small enough to do by hand.
  @Test func profileOfADenseModel() throws {
    let profile = try profile(GGUFBytes(), as: "small.gguf")
    #expect(profile.name == "small")
    #expect(profile.id.rawValue == sha256sum("\(folder.path)/small.gguf"))
    #expect(profile.architecture == "llama")
    #expect(profile.parameterCount == 2 * 32 * 4 + 32 * 32)
    #expect(profile.activeParameterCount == profile.parameterCount)
    #expect(profile.layerCount == 1 && profile.hiddenSize == 32 && profile.headCount == 4)
    #expect(profile.keyValueHeadCount == 2 && profile.headSize == 8 && profile.feedForwardSize == 64)
    #expect(profile.vocabularySize == 4 && profile.contextLength == 128)
    #expect(profile.weightType == "Q8_0")
    #expect(profile.weightBytes == 2 * 512 + 1088)
    #expect(profile.activeWeightBytes == 32 * 4 + 512 + 1088, "of the embedding one token reads one row")
    #expect(!profile.isMixtureOfExperts)
  }

  /// Of 8 experts a token uses 2: a quarter of the expert tensors, all of the rest.
  @Test func activeShareOfAMixture() throws {
    var file = GGUFBytes()
    file.set("llama.expert_count", .uint32(8))
    file.set("llama.expert_used_count", .uint32(2))
    file.tensors.append(.init(name: "blk.0.ffn_up_exps.weight", shape: [32, 64, 8]))
    let profile = try profile(file)
    #expect(profile.expertCount == 8 && profile.expertsPerToken == 2 && profile.isMixtureOfExperts)
    #expect(profile.parameterCount - profile.activeParameterCount == 32 * 64 * 6)
    #expect(profile.weightBytes - profile.activeWeightBytes == 32 * 64 * 6 * 4 + 3 * 32 * 4)
  }

  /// A model whose output shares the embedding reads all of it for each token.
  @Test func tiedEmbeddingIsReadInFull() throws {
    var file = GGUFBytes()
    file.tensors.removeAll { $0.name == "output.weight" }
    #expect(try profile(file).activeWeightBytes == 512 + 1088)
  }

  /// Layers for multi-token prediction count where they are really there; an EAGLE head says so by its architecture.
  @Test func drafters() throws {
    var file = GGUFBytes()
    #expect(try profile(file).mtpLayerCount == 0 && profile(file).eagleVersion == 0)
    file.set("llama.nextn_predict_layers", .uint32(1))
    #expect(try profile(file).mtpLayerCount == 0, "the figure alone, without its tensors")
    file.tensors.append(.init(name: "blk.1.nextn.eh_proj.weight", shape: [64, 32]))
    #expect(try profile(file).mtpLayerCount == 0, "as many as there are layers")
    file.set("llama.block_count", .uint32(2))
    let predicting = try profile(file)
    #expect(predicting.mtpLayerCount == 1 && predicting.layerCount == 1)
    #expect(predicting.parameterCount - predicting.activeParameterCount == 64 * 32, "only drafting reads it")

    var head = GGUFBytes()
    head.metadata = head.metadata.map { key, value in (key.replacing("llama.", with: "eagle3."), value) }
    head.set("general.architecture", .text("eagle3"))
    #expect(try profile(head).eagleVersion == 3 && profile(head).hiddenSize == 32)
    head.set("eagle3.target_hidden_size", .uint32(64))
    #expect(try profile(head).hiddenSize == 64, "of the model it drafts for")
  }

  /// A chat template that never names tools has no place for them; some models have a template for tools alone.
  @Test func templatesForTools() throws {
    func takesTools(_ templates: [String: String]) throws -> Bool? {
      var file = GGUFBytes()
      for (key, template) in templates { file.set("tokenizer." + key, .text(template)) }
      return try profile(file).takesTools
    }
    #expect(try takesTools([:]) == false && takesTools(["chat_template": "{{ messages }}"]) == false)
    #expect(try takesTools(["chat_template": "{% if tools %}"]) == true)
    #expect(try takesTools(["chat_template": "x", "chat_template.tool_use": "{{ tools | tojson }}"]) == true)
  }

  /// Variants of one model are one group; another size, vocabulary or name is another.
  @Test func variantsShareAGroup() throws {
    let original = try profile(GGUFBytes())
    func group(_ change: (inout GGUFBytes) -> Void) throws -> String {
      var file = GGUFBytes()
      change(&file)
      return try profile(file).variantGroup
    }
    #expect(!original.variantGroup.isEmpty)
    for name in ["tiny Q8_0", "Tiny-q4_K_M", "tiny IQ2_XXS gguf", "tiny bf16"] {
      #expect(try group { $0.set("general.name", .text(name)) } == original.variantGroup, "\(name)")
    }
    #expect(try group { $0.tensors[2].type = 0 } == original.variantGroup)
    #expect(try group { $0.set("general.name", .text("tiny chat F32")) } != original.variantGroup)
    #expect(try group { $0.set("llama.block_count", .uint32(2)) } != original.variantGroup)
    #expect(try group { $0.set("tokenizer.ggml.tokens", .texts(["a", "b", "c", "e"])) } != original.variantGroup)
    #expect(try group { $0.set("general.name", nil) } == "")
  }

  /// Token lists that differ only in where one token ends have different fingerprints.
  @Test func fingerprintOfTheVocabulary() throws {
    func fingerprint(_ tokens: [String]) throws -> String {
      var file = GGUFBytes()
      file.set("tokenizer.ggml.tokens", .texts(tokens))
      return try profile(file).vocabularyFingerprint
    }
    #expect(try fingerprint(["ab", "c", "d", "e"]) != fingerprint(["a", "bc", "d", "e"]))
    #expect(try fingerprint(["a", "b"]) == fingerprint(["a", "b"]))
  }

  @Test func integersAndMetadata() throws {
    let path = folder.write(GGUFBytes().bytes, as: "model.gguf")
    #expect(try GGUFReader.integers(path: path, key: "apus.edit_document_tokens") == [3, 1, 2])
    #expect(try GGUFReader.integers(path: path, key: "no.such.key") == nil)
    let metadata = try GGUFReader.metadata(path: path)
    #expect(metadata.first { $0.key == "general.name" }?.value == "tiny F32")
    #expect(metadata.first { $0.key == "tokenizer.ggml.tokens" }?.value == "4 elements")
  }

  /// Cut off at any byte, a file is refused as bad input, and nothing else happens.
  @Test func everyTruncationIsRefused() throws {
    let bytes = GGUFBytes().bytes
    for count in 0..<bytes.count {
      let path = folder.write(Array(bytes[..<count]), as: "cut.gguf")
      #expect("cut after \(count) bytes") { try GGUFReader.profile(path: path, name: nil) } throws: { error in
        (error as? ApusError)?.code == .badInput
      }
    }
  }

  struct Lie: CustomStringConvertible {
    var description: String
    /// Part of the refusal.
    var reason: String
    var tell: @Sendable (inout GGUFBytes) -> Void

    init(_ description: String, _ reason: String, _ tell: @escaping @Sendable (inout GGUFBytes) -> Void) {
      self.description = description
      self.reason = reason
      self.tell = tell
    }
  }

  static let lies: [Lie] = [
    Lie("another magic", "does not begin with GGUF") { $0.magic = "GGML" },
    Lie("version 1", "version 1") { $0.version = 1 },
    Lie("version 4", "version 4") { $0.version = 4 },
    Lie("big-endian", "big-endian") { $0.version = 3 << 24 },
    Lie("too many tensors", "claims 4294967296 tensors") { $0.claimedTensors = 1 << 32 },
    Lie("all tensors", "claims") { $0.claimedTensors = .max },
    Lie("too many values", "claims") { $0.claimedValues = .max },
    Lie("one tensor more than there is", "empty or not UTF-8") { $0.claimedTensors = 4 },
    Lie("a string as long as memory", "is 18446744073709551615 bytes long") {
      $0.metadata.append(("x", .raw(type: 8, GGUFBytes.little(UInt64.max))))
    },
    Lie("a string beyond the file", "more are needed") {
      $0.metadata.append(("x", .raw(type: 8, GGUFBytes.little(UInt64(1 << 20)))))
    },
    Lie("an array as long as memory", "claims 18446744073709551615 elements") {
      $0.metadata.append(("x", .raw(type: 9, GGUFBytes.little(UInt32(4)) + GGUFBytes.little(UInt64.max))))
    },
    Lie("an array beyond the file", "claims 1000000 elements") {
      $0.metadata.append(("x", .raw(type: 9, GGUFBytes.little(UInt32(10)) + GGUFBytes.little(UInt64(1_000_000)))))
    },
    Lie("an array of arrays", "array of the type 9") {
      $0.metadata.append(("x", .raw(type: 9, GGUFBytes.little(UInt32(9)) + GGUFBytes.little(UInt64(1)))))
    },
    Lie("an unknown value type", "unknown type 13") { $0.metadata.append(("x", .raw(type: 13, []))) },
    Lie("an empty key", "empty or not UTF-8") { $0.metadata.append(("", .uint32(1))) },
    Lie("a key twice", "twice") { $0.metadata.append(("general.name", .text("again"))) },
    Lie("a tensor twice", "twice") { $0.tensors.append($0.tensors[0]) },
    Lie("no dimensions", "0 dimensions") { $0.tensors[0].shape = [] },
    Lie("five dimensions", "5 dimensions") { $0.tensors[0].shape = [32, 1, 1, 1, 1] },
    Lie("a dimension of zero", "impossible dimension") { $0.tensors[0].shape = [32, 0] },
    Lie("a dimension beyond Int", "impossible dimension") { $0.tensors[0].shape = [1 << 63] },
    Lie("dimensions whose product overflows", "counted") { $0.tensors[0].shape = [1 << 40, 1 << 40] },
    Lie("bytes that overflow", "counted") { $0.tensors[0].shape = [1 << 62] },
    Lie("an unknown tensor type", "unknown type 4") { $0.tensors[0].type = 4 },
    Lie("rows that blocks do not divide", "cannot divide into blocks") { $0.tensors[2].shape = [33, 32] },
    Lie("an offset beyond the file", "bytes of weights") { $0.tensors[0].offset = 1 << 20 },
    Lie("the largest offset", "not aligned") { $0.tensors[0].offset = .max },
    Lie("the largest aligned offset", "bytes of weights") { $0.tensors[0].offset = .max - 31 },
    Lie("an offset out of line", "not aligned") { $0.tensors[1].offset = 513 },
    Lie("weights missing", "bytes of weights") { $0.dataSize = 2000 },
    Lie("tensors over each other", "overlap") {
      $0.tensors[0].offset = 0
      $0.tensors[1].offset = 0
      $0.dataSize = 1536
      $0.tensors[2].offset = 448
    },
    Lie("an alignment of zero", "alignment") { $0.set("general.alignment", .uint32(0)) },
    Lie("an alignment of three", "alignment") { $0.set("general.alignment", .uint32(3)) },
    Lie("a huge alignment", "alignment") { $0.set("general.alignment", .uint32(1 << 31)) },
    Lie("an alignment in words", "alignment") { $0.set("general.alignment", .text("32")) },
    Lie("no architecture", "architecture") { $0.set("general.architecture", nil) },
    Lie("no layers", "llama.block_count") { $0.set("llama.block_count", .uint32(0)) },
    Lie("four billion heads", "llama.attention.head_count") {
      $0.set("llama.attention.head_count", .uint32(.max))
    },
    Lie("more experts used than there are", "9 of 8 experts") {
      $0.set("llama.expert_count", .uint32(8))
      $0.set("llama.expert_used_count", .uint32(9))
    },
    Lie("one part of several", "one of 3 parts") { $0.set("split.count", .uint32(3)) },
    Lie("no tensors", "no tensors") { $0.tensors = [] },
  ]

  /// Each lie is refused by its own reason, as bad input, with advice.
  @Test(arguments: lies) func everyLieIsRefused(lie: Lie) throws {
    var file = GGUFBytes()
    lie.tell(&file)
    let path = folder.write(file.bytes, as: "lie.gguf")
    do {
      let profile = try GGUFReader.profile(path: path, name: nil)
      Issue.record("accepted as \(profile)")
    } catch {
      #expect(error.code == .badInput && !error.advice.isEmpty)
      #expect(error.reason.contains(lie.reason), "\(error.reason)")
    }
  }

  /// Bytes changed at random places never end the process: they give a profile or a refusal. The seed is fixed.
  @Test func randomDamageIsHarmless() throws {
    var random = SeededGenerator(seed: 20_261_121)
    let bytes = GGUFBytes().bytes
    let headerSize = GGUFBytes().headerSize
    for _ in 0..<3000 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        damaged[Int.random(in: 0..<headerSize, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let path = folder.write(damaged, as: "damaged.gguf")
      _ = try? GGUFReader.profile(path: path, name: nil)
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    let pipe = "\(folder.path)/pipe.gguf"
    #expect(mkfifo(pipe, 0o600) == 0)
    for path in ["\(folder.path)/missing.gguf", folder.path, pipe] {
      #expect { try GGUFReader.profile(path: path, name: nil) } throws: { ($0 as? ApusError)?.code == .badInput }
    }
  }
}
