import Foundation

/// Builds the bytes of a small GGUF file, right or wrong on purpose.
struct GGUFBytes {
  enum Value {
    case uint32(UInt32)
    case uint64(UInt64)
    case text(String)
    case int32s([Int32])
    case texts([String])
    /// A type number and bytes as they are.
    case raw(type: UInt32, [UInt8])
  }
  struct Tensor {
    var name: String
    var shape: [UInt64]
    var type: UInt32 = 0
    /// Nil puts it after the one before.
    var offset: UInt64?
  }

  var magic = "GGUF"
  var version: UInt32 = 3
  var metadata: [(String, Value)] = [
    ("general.architecture", .text("llama")), ("general.name", .text("tiny F32")),
    ("llama.block_count", .uint32(1)), ("llama.embedding_length", .uint32(32)),
    ("llama.attention.head_count", .uint32(4)), ("llama.attention.head_count_kv", .uint32(2)),
    ("llama.context_length", .uint64(128)), ("llama.feed_forward_length", .uint32(64)),
    ("tokenizer.ggml.tokens", .texts(["a", "b", "c", "d"])),
    ("apus.edit_document_tokens", .int32s([3, 1, 2])),
  ]
  var tensors: [Tensor] = [
    Tensor(name: "token_embd.weight", shape: [32, 4]), Tensor(name: "output.weight", shape: [32, 4]),
    Tensor(name: "blk.0.attn_q.weight", shape: [32, 32], type: 8),
  ]
  /// Say other counts than there are.
  var claimedTensors: UInt64?
  var claimedValues: UInt64?
  /// Bytes of weights; nil for as many as the tensors need.
  var dataSize: Int?

  mutating func set(_ key: String, _ value: Value?) {
    metadata.removeAll { $0.0 == key }
    if let value { metadata.append((key, value)) }
  }

  /// Where the header ends and the weights start.
  var headerSize: Int { (header.count + 31) / 32 * 32 }

  var bytes: [UInt8] {
    var all = header
    all += [UInt8](repeating: 0, count: headerSize - all.count)
    return all + [UInt8](repeating: 0, count: dataSize ?? Int(placed.last.map { $0.offset + $0.size } ?? 0))
  }

  private var placed: [(offset: UInt64, size: UInt64)] {
    var next: UInt64 = 0
    return tensors.map { tensor in
      let elements = tensor.shape.reduce(1, &*)
      let size = tensor.type == 8 ? elements / 32 &* 34 : elements &* 4
      defer { next = (next &+ size &+ 31) / 32 * 32 }
      return (tensor.offset ?? next, size)
    }
  }

  private var header: [UInt8] {
    var all = Array(magic.utf8) + Self.little(version)
    all += Self.little(claimedTensors ?? UInt64(tensors.count)) + Self.little(claimedValues ?? UInt64(metadata.count))
    for (key, value) in metadata {
      all += Self.string(key)
      switch value {
      case .uint32(let number): all += Self.little(UInt32(4)) + Self.little(number)
      case .uint64(let number): all += Self.little(UInt32(10)) + Self.little(number)
      case .text(let text): all += Self.little(UInt32(8)) + Self.string(text)
      case .int32s(let numbers):
        all += Self.little(UInt32(9)) + Self.little(UInt32(5)) + Self.little(UInt64(numbers.count))
        all += numbers.flatMap { Self.little($0) }
      case .texts(let texts):
        all += Self.little(UInt32(9)) + Self.little(UInt32(8)) + Self.little(UInt64(texts.count))
        all += texts.flatMap { Self.string($0) }
      case .raw(let type, let bytes): all += Self.little(type) + bytes
      }
    }
    for (tensor, place) in zip(tensors, placed) {
      all += Self.string(tensor.name) + Self.little(UInt32(tensor.shape.count))
      all += tensor.shape.flatMap { Self.little($0) } + Self.little(tensor.type) + Self.little(place.offset)
    }
    return all
  }

  static func little(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
}
