import Foundation
import Serving

/// A model file that is whole but has next to no weights: enough for a worker to offer it, for an engine that needs none.
enum TinyModelFile {
  /// - Throws: `disk` when it cannot be written.
  static func write(to path: String) throws(ApusError) {
    var bytes = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(1)) + little(UInt64(7))
    bytes += text("general.architecture", "llama") + text("general.name", "tiny")
    bytes += number("llama.block_count", 1) + number("llama.embedding_length", 32)
    bytes += number("llama.attention.head_count", 4) + number("llama.context_length", 8192)
    bytes += number("llama.vocab_size", 8192)
    // One tensor of 32 x 4 numbers of four bytes each, at the start of the weights.
    bytes += string("token_embd.weight") + little(UInt32(2)) + little(UInt64(32)) + little(UInt64(4))
    bytes += little(UInt32(0)) + little(UInt64(0))
    bytes += [UInt8](repeating: 0, count: (bytes.count + 31) / 32 * 32 - bytes.count + 512)
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    } catch {
      throw ApusError(.disk, "cannot write \(path): \(error)")
    }
  }

  private static func text(_ key: String, _ value: String) -> [UInt8] {
    string(key) + little(UInt32(8)) + string(value)
  }
  private static func number(_ key: String, _ value: UInt32) -> [UInt8] {
    string(key) + little(UInt32(4)) + little(value)
  }
  private static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
  private static func little(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }
}
