import COpenSSL
import Glibc
public import Serving

/// SHA-256 as OpenSSL computes it (with the processor's SHA instructions, over 1 GB/s).
public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  public init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("OpenSSL has no memory or no SHA-256")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "OpenSSL refused a digest update")
  }

  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// 64 lower-case hexadecimal digits.
  public consuming func hexDigest() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "OpenSSL refused to finish a digest")
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  public static func hexDigest(_ text: String) -> String {
    var hash = SHA256()
    hash.update(Array(text.utf8))
    return hash.hexDigest()
  }

  /// The digest of a whole file, read in pieces of 1 MiB. Blocks for as long as reading takes.
  ///
  /// - Throws: `badInput` when the file cannot be read.
  public static func hexDigest(ofFile path: String) throws(ApusError) -> String {
    let file = try RandomAccessFile(path)
    var hash = SHA256()
    var offset = 0
    while offset < file.size {
      let bytes = try file.read(at: offset, count: min(1 << 20, file.size - offset))
      hash.update(bytes)
      offset += bytes.count
    }
    return hash.hexDigest()
  }
}
