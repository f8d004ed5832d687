/// The encodings of weights that can be turned into single precision here (ggml's block formats, little-endian).
public enum TensorEncoding: String, CaseIterable, Sendable {
  case f32 = "F32"
  case f16 = "F16"
  /// 32 weights: an f16 scale, then 32 signed bytes.
  case q8 = "Q8_0"
  /// 32 weights: an f16 scale, then 16 bytes; weight `i` is the low half of byte `i`, weight `16 + i` its high half, less 8.
  case q4 = "Q4_0"

  public var blockSize: Int {
    switch self {
    case .f32, .f16: 1
    case .q8, .q4: 32
    }
  }

  public var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16: 2
    case .q8: 34
    case .q4: 18
    }
  }

  /// Bytes of that many elements, which are whole blocks.
  func byteCount(of elements: Int) -> Int {
    precondition(elements % blockSize == 0, "whole blocks")
    return elements / blockSize * blockBytes
  }

  /// The weights of whole blocks.
  func decode(_ bytes: [UInt8]) -> [Float] {
    precondition(bytes.count % blockBytes == 0, "whole blocks")
    let count = bytes.count / blockBytes * blockSize
    return bytes.withUnsafeBytes { source in
      [Float](unsafeUninitializedCapacity: count) { target, filled in
        filled = count
        guard count > 0, let from = source.baseAddress, let to = target.baseAddress else { return }
        switch self {
        case .f32: UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: bytes.count)
        case .f16: HalfFloats.decode(from, into: to, count: count)
        case .q8: Self.decodeQ8(from, into: to, blocks: count / 32)
        case .q4: Self.decodeQ4(from, into: to, blocks: count / 32)
        }
      }
    }
  }

  private static func decodeQ8(_ source: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>, blocks: Int) {
    for block in 0..<blocks {
      let from = source + block * 34
      let scale = scale(from)
      let weights = (from + 2).assumingMemoryBound(to: Int8.self)
      let to = target + block * 32
      for index in 0..<32 { to[index] = scale * Float(weights[index]) }
    }
  }

  private static func decodeQ4(_ source: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>, blocks: Int) {
    for block in 0..<blocks {
      let from = source + block * 18
      let scale = scale(from)
      let halves = (from + 2).assumingMemoryBound(to: UInt8.self)
      let to = target + block * 32
      for index in 0..<16 {
        to[index] = scale * Float(Int32(halves[index] & 15) - 8)
        to[index + 16] = scale * Float(Int32(halves[index] >> 4) - 8)
      }
    }
  }

  private static func scale(_ block: UnsafeRawPointer) -> Float {
    HalfFloats.float(UInt16(littleEndian: block.loadUnaligned(as: UInt16.self)))
  }
}
