import Engines
import TestKit
import Testing

/// The examples of FIPS 180-2, and that pieces give the same digest as the whole.
@Suite("SHA256") struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ]) func knownDigests(text: String, digest: String) { #expect(SHA256.hexDigest(text) == digest) }

  @Test func piecesAndFilesGiveTheSame() throws {
    let folder = TemporaryFolder()
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var hash = SHA256()
    for start in stride(from: 0, to: bytes.count, by: 77_777) {
      hash.update(Array(bytes[start..<min(bytes.count, start + 77_777)]))
    }
    #expect(try SHA256.hexDigest(ofFile: folder.write(bytes, as: "bytes")) == hash.hexDigest())
  }
}
