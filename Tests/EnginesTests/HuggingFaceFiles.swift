import Foundation
import TestKit

/// Builds the files of a small model in Hugging Face format, right or wrong on purpose.
struct HuggingFaceFiles {
  struct Tensor {
    var name: String
    var type = "F16"
    var shape: [Int]
    /// Nil puts it after the one before, with as many bytes as its shape needs at 2 each.
    var offsets: (Int, Int)?
  }

  var config: [String: Any] = [
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "_name_or_path": "someone/tiny F32",
    "num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 64, "vocab_size": 4, "max_position_embeddings": 128,
    "apus_edit_document_tokens": [3, 1, 2],
  ]
  var tensors: [Tensor] = [
    Tensor(name: "model.embed_tokens.weight", shape: [4, 32]), Tensor(name: "lm_head.weight", shape: [4, 32]),
    Tensor(name: "model.layers.0.self_attn.q_proj.weight", shape: [32, 32]),
  ]
  var tokens = ["a", "b", "c", "d"]
  /// Bytes of weights; nil for as many as the tensors need.
  var dataSize: Int?
  /// Nil for the header's true length.
  var claimedHeader: UInt64?
  /// In place of the table of tensors.
  var header: String?

  var configBytes: [UInt8] { Self.json(config) }

  var tokenizerBytes: [UInt8] {
    let ids = Dictionary(uniqueKeysWithValues: tokens.dropFirst().enumerated().map { ($1, $0 + 1) })
    let added: [[String: Any]] = [["id": 0, "content": tokens[0], "special": true]]
    return Self.json(["version": "1.0", "added_tokens": added, "model": ["type": "BPE", "vocab": ids, "merges": []]])
  }

  /// One file with the tensors from `range` on, as its part of the model.
  func weights(_ range: Range<Int>? = nil) -> [UInt8] {
    var entries: [String] = ["\"__metadata__\":{\"format\":\"pt\"}"]
    var end = 0
    for tensor in tensors[range ?? tensors.indices] {
      let size = tensor.shape.reduce(1, &*) &* 2
      let (first, last) = tensor.offsets ?? (end, end + size)
      end = max(end, last)
      entries.append(
        "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":[\(first),\(last)]}"
      )
    }
    let text = Array((header ?? "{\(entries.joined(separator: ","))}").utf8)
    return GGUFBytes.little(claimedHeader ?? UInt64(text.count)) + text + [UInt8](repeating: 0, count: dataSize ?? end)
  }

  /// Writes the model into a folder of this name, with all weights in one file.
  @discardableResult
  func write(to folder: TemporaryFolder, as name: String) throws -> String {
    let path = try makeFolder(folder, name)
    folder.write(weights(), as: "\(name)/model.safetensors")
    return path
  }

  /// The same with the weights in two files and an index.
  func writeInParts(to folder: TemporaryFolder, as name: String, index: [String: String]? = nil) throws -> String {
    let path = try makeFolder(folder, name)
    folder.write(weights(0..<2), as: "\(name)/model-00001-of-00002.safetensors")
    folder.write(weights(2..<tensors.count), as: "\(name)/model-00002-of-00002.safetensors")
    let right = Dictionary(
      uniqueKeysWithValues: tensors.enumerated().map {
        ($1.name, $0 < 2 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors")
      })
    folder.write(Self.json(["weight_map": index ?? right]), as: "\(name)/model.safetensors.index.json")
    return path
  }

  private func makeFolder(_ folder: TemporaryFolder, _ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
    folder.write(configBytes, as: "\(name)/config.json")
    folder.write(tokenizerBytes, as: "\(name)/tokenizer.json")
    return "\(folder.path)/\(name)"
  }

  private static func json(_ object: [String: Any]) -> [UInt8] {
    guard let data = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) else {
      preconditionFailure("a test wrote what is no JSON")
    }
    return Array(data)
  }
}
