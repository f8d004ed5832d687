import Foundation
import TestKit

@testable import ExpertExecution

/// A small mixture-of-experts GGUF file with seeded random weights, made where a test runs.
struct MoEModel {
  var architecture = "qwen3moe"
  var layers = 2
  /// Blocks without experts before them.
  var denseBlocks = 0
  var experts = 8
  var topK = 2
  var hidden = 64
  var inner = 96
  var encoding = TensorEncoding.q8
  /// Added to the metadata as they are: key, type number and bytes.
  var extra: [(key: String, type: UInt32, bytes: [UInt8])] = []
  /// Added to each expert's score for the choice, in every layer; empty for none.
  var choiceBias: [Float] = []
  var seed: UInt64 = 1

  /// One tensor: name, sizes (the fastest first), encoding, bytes.
  private struct Tensor {
    var name: String
    var shape: [Int]
    var type: UInt32
    var bytes: [UInt8]
  }

  func bytes() -> [UInt8] {
    var random = Random(seed: seed)
    var tensors: [Tensor] = []
    for layer in 0..<layers {
      let block = "blk.\(layer + denseBlocks)."
      let router = (0..<experts * hidden).flatMap { _ in Self.little((random.unit() - 0.5).bitPattern) }
      tensors.append(Tensor(name: block + "ffn_gate_inp.weight", shape: [hidden, experts], type: 0, bytes: router))
      if !choiceBias.isEmpty {
        tensors.append(
          Tensor(
            name: block + "exp_probs_b.bias", shape: [experts], type: 0,
            bytes: choiceBias.flatMap { Self.little($0.bitPattern) }))
      }
      for (name, sizes) in [("gate", [hidden, inner]), ("up", [hidden, inner]), ("down", [inner, hidden])] {
        tensors.append(
          Tensor(
            name: block + "ffn_\(name)_exps.weight", shape: sizes + [experts], type: typeNumber,
            bytes: weights(experts * hidden * inner, deviation: 2 / Float(sizes[0]).squareRoot(), &random)))
      }
    }
    let metadata: [(String, UInt32, [UInt8])] =
      [
        ("general.architecture", 8, Self.string(architecture)),
        ("\(architecture).block_count", 4, Self.little(UInt32(layers + denseBlocks))),
        ("\(architecture).embedding_length", 4, Self.little(UInt32(hidden))),
        ("\(architecture).expert_count", 4, Self.little(UInt32(experts))),
        ("\(architecture).expert_used_count", 4, Self.little(UInt32(topK))),
      ] + extra.map { ($0.key, $0.type, $0.bytes) }
    var file = Array("GGUF".utf8) + Self.little(UInt32(3)) + Self.little(UInt64(tensors.count))
    file += Self.little(UInt64(metadata.count))
    for (key, type, value) in metadata { file += Self.string(key) + Self.little(type) + value }
    var offset = 0
    for tensor in tensors {
      file += Self.string(tensor.name) + Self.little(UInt32(tensor.shape.count))
      file += tensor.shape.flatMap { Self.little(UInt64($0)) } + Self.little(tensor.type)
      file += Self.little(UInt64(offset))
      offset += Self.aligned(tensor.bytes.count)
    }
    file += [UInt8](repeating: 0, count: Self.aligned(file.count) - file.count)
    for tensor in tensors {
      file += tensor.bytes + [UInt8](repeating: 0, count: Self.aligned(tensor.bytes.count) - tensor.bytes.count)
    }
    return file
  }

  private var typeNumber: UInt32 {
    switch encoding {
    case .f32: 0
    case .f16: 1
    case .q4: 2
    case .q8: 8
    }
  }

  /// Any bytes are weights; only scales, and numbers themselves, must be of a sensible size.
  private func weights(_ count: Int, deviation: Float, _ random: inout Random) -> [UInt8] {
    switch encoding {
    case .f32: return (0..<count).flatMap { _ in Self.little(((random.unit() - 0.5) * 3.4 * deviation).bitPattern) }
    case .f16:
      return (0..<count).flatMap { _ in Self.little(Float16((random.unit() - 0.5) * 3.4 * deviation).bitPattern) }
    case .q8, .q4:
      let scale = Self.little(Float16(deviation / (encoding == .q8 ? 74 : 4.6)).bitPattern)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(encoding.byteCount(of: count))
      for _ in 0..<count / 32 {
        bytes += scale
        for _ in 0..<(encoding.blockBytes - 2) / 8 { withUnsafeBytes(of: random.next()) { bytes += $0 } }
      }
      return bytes
    }
  }

  static func little(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
  private static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
  private static func aligned(_ count: Int) -> Int { (count + 31) / 32 * 32 }
}

/// SplitMix64, so that a failure can be made again from its seed.
struct Random {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// From 0 to 1.
  mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// Rows of a hidden state that are what half precision can say, so that references need no rounding of their own.
  mutating func rows(_ count: Int, hidden: Int) -> [Float] {
    (0..<count * hidden).map { _ in Float(Float16((unit() - 0.5) * 3.4)) }
  }
}

extension TemporaryFolder {
  /// - Returns: the path of a model's file.
  func write(_ bytes: [UInt8]) -> String { write(bytes, as: "model.gguf") }
}
