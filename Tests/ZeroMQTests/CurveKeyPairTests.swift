import Testing
import ZeroMQ

@Suite("CURVE keys")
struct CurveKeyPairTests {
  /// RFC 32 gives these bytes and this text.
  @Test func encodesTheExampleOfTheSpecification() {
    #expect(Z85.encode([0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B]) == "HelloWorld")
    #expect(Z85.encode([1, 2, 3]) == nil, "the count of bytes is a multiple of four")
  }

  /// The public key follows from the secret one, so a lost .pub file can be made again.
  @Test func derivesThePublicKey() {
    let pair = CurveKeyPair.generate()
    #expect(CurveKeyPair(secretKey: pair.secretKey) == pair)
    #expect(CurveKeyPair.generate() != pair)
    #expect(Z85.decodedKey(pair.publicKey).flatMap { Z85.encode($0) } == pair.publicKey)
  }

  @Test(arguments: ["", "short", String(repeating: "~", count: 40), String(repeating: "a", count: 41)])
  func refusesWhatIsNoKey(text: String) {
    #expect(Z85.decodedKey(text) == nil)
    #expect(CurveKeyPair(secretKey: text) == nil)
  }
}
