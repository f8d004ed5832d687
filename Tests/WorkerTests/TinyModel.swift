import FoundationEssentials

/// The bytes of the smallest model file that describes a model; no engine could answer with it.
enum TinyModel {
  static var bytes: [UInt8] {
    var all = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(1)) + little(UInt64(6))
    all += string("general.architecture") + little(UInt32(8)) + string("llama")
    for (key, value) in [
      ("block_count", 1), ("embedding_length", 32), ("attention.head_count", 4), ("context_length", 4096),
      ("vocab_size", 4),
    ] {
      all += string("llama.\(key)") + little(UInt32(4)) + little(UInt32(value))
    }
    all += string("token_embd.weight") + little(UInt32(2)) + little(UInt64(32)) + little(UInt64(4))
    all += little(UInt32(0)) + little(UInt64(0))
    all += [UInt8](repeating: 0, count: (32 - all.count % 32) % 32)
    return all + [UInt8](repeating: 0, count: 32 * 4 * 4)
  }

  static func write(into directory: String, as name: String = "tiny") throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/\(name).gguf"))
  }

  private static func little(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  private static func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
}
