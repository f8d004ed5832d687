/// IEEE half precision, as activations travel, to single precision and back.
///
/// In whole-number steps without branches (F. Giesen's), which the compiler turns into vector code on every processor;
/// `Float16` calls a library function for each number where the processor model says nothing of F16C.
enum HalfFloats {
  @inline(__always)
  static func float(_ half: UInt16) -> Float {
    let bits = UInt32(half)
    // The exponent moves into place and is made right by a product, which is exact for subnormals, too.
    let scaled = (Float(bitPattern: (bits & 0x7FFF) << 13) * 0x1p112).bitPattern
    let special: UInt32 = bits & 0x7C00 == 0x7C00 ? 0x7F80_0000 : 0
    return Float(bitPattern: scaled | special | (bits & 0x8000) << 16)
  }

  /// Rounded to the nearest, ties to even; infinite where it is too large.
  @inline(__always)
  static func half(_ float: Float) -> UInt16 {
    let bits = float.bitPattern
    let sign = bits & 0x8000_0000
    let magnitude = bits ^ sign
    let normal = (magnitude &+ 0xC800_0FFF &+ (magnitude >> 13 & 1)) >> 13
    // Adding one half makes the processor round what is left of a subnormal.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3F00_0000
    let special: UInt32 = magnitude > 0x7F80_0000 ? 0x7E00 : 0x7C00
    let finite = magnitude < 0x3880_0000 ? subnormal : normal
    return UInt16(truncatingIfNeeded: (magnitude >= 0x4780_0000 ? special : finite) | sign >> 16)
  }

  /// - Parameter source: little-endian halves, at any address.
  static func decode(_ source: UnsafeRawPointer, into target: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count {
      target[index] = float(
        UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
    }
  }

  /// `target += source`.
  static func add(_ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count {
      target[index] += float(
        UInt16(littleEndian: source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)))
    }
  }

  static func encode(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<UInt16>, count: Int) {
    for index in 0..<count { target[index] = half(source[index]).littleEndian }
  }

  /// Whether every number is finite and stays so as a half.
  static func canHold(_ numbers: [Float]) -> Bool {
    // As whole numbers, in whose order infinity and what is no number come last.
    var most: UInt32 = 0
    for number in numbers { most = max(most, number.bitPattern & 0x7FFF_FFFF) }
    // Half of the last step above the largest half still rounds to it.
    return most < Float(65_520).bitPattern
  }
}
