import CZeroMQ

/// A Curve25519 key pair in Z85: 40 characters each.
public struct CurveKeyPair: Hashable, Sendable {
  public var publicKey: String
  public var secretKey: String

  public init(publicKey: String, secretKey: String) {
    self.publicKey = publicKey
    self.secretKey = secretKey
  }

  /// The pair of a secret key; nil when the text is not a Z85 key.
  public init?(secretKey: String) {
    guard Z85.decodedKey(secretKey) != nil else { return nil }
    var text = [CChar](repeating: 0, count: 41)
    guard zmq_curve_public(&text, secretKey) == 0 else { return nil }
    self.init(publicKey: asciiText(text), secretKey: secretKey)
  }

  /// A fresh pair from the system's randomness.
  public static func generate() -> CurveKeyPair {
    var publicText = [CChar](repeating: 0, count: 41)
    var secretText = [CChar](repeating: 0, count: 41)
    // Fails only in a libzmq without CURVE, which could not talk to anyone.
    precondition(zmq_curve_keypair(&publicText, &secretText) == 0, "this libzmq was built without CURVE")
    return CurveKeyPair(publicKey: asciiText(publicText), secretKey: asciiText(secretText))
  }
}

/// ZeroMQ's printable form of 32-byte keys (RFC 32): five characters for four bytes.
public enum Z85 {
  /// The text of bytes; nil unless their count is a multiple of four.
  public static func encode(_ bytes: [UInt8]) -> String? {
    var text = [CChar](repeating: 0, count: bytes.count * 5 / 4 + 1)
    guard zmq_z85_encode(&text, bytes, bytes.count) != nil else { return nil }
    return asciiText(text)
  }

  /// The 32 bytes of a key; nil when the text is not 40 characters of Z85.
  public static func decodedKey(_ text: String) -> [UInt8]? {
    guard text.utf8.count == 40 else { return nil }
    var bytes = [UInt8](repeating: 0, count: 32)
    guard zmq_z85_decode(&bytes, text) != nil else { return nil }
    // libzmq accepts characters outside the alphabet; only text that comes back the same is a key.
    return encode(bytes) == text ? bytes : nil
  }
}

/// The characters before the zero that ends a C string.
private func asciiText(_ characters: [CChar]) -> String {
  String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
