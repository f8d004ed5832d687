import Glibc
import Messaging
import Serving
import TestKit
import Testing

@Suite("Key ring")
struct KeyRingTests {
  private let directory = TemporaryFolder()
  private var ring: KeyRing { KeyRing(directory: directory.path + "/keys") }

  /// A pair is kept, its secret for the owner's eyes only, and found again by name and by path.
  @Test func keepsPairs() throws {
    let pair = try ring.generate("coordinator")
    #expect(try ring.pair("coordinator") == pair)
    #expect(try ring.pair(ring.directory + "/coordinator.key") == pair)
    #expect(try ring.publicKey("coordinator") == pair.publicKey)
    #expect(try ring.pairMakingIfNeeded("coordinator") == pair)
    var status = stat()
    #expect(stat(ring.directory + "/coordinator.key", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    #expect(try ring.list().isEmpty, "a pair is not let in by being made")
  }

  /// Authorizing, rotating and revoking change what is let in, and nothing else.
  @Test func letsKeysIn() throws {
    let worker = try ring.generate("gpu-1", role: .worker)
    let client = try ring.generate("laptop")
    try ring.authorize(name: "laptop", publicKey: client.publicKey, role: .client)
    let entries = try ring.list()
    #expect(entries.map(\.name) == ["gpu-1", "laptop"])
    #expect(entries.map(\.role) == [.worker, .client])
    #expect(entries.map(\.publicKey) == [worker.publicKey, client.publicKey])
    let rotated = try ring.rotate("gpu-1")
    #expect(rotated != worker)
    #expect(try ring.pair("gpu-1") == rotated)
    #expect(try ring.list().first?.publicKey == rotated.publicKey)
    try ring.revoke("laptop")
    #expect(try ring.list().map(\.name) == ["gpu-1"])
    #expect(try ring.pair("laptop") == client, "revoking keeps the files of the pair")
  }

  /// One key is one peer: under a second name or role nobody could tell who it is.
  @Test func refusesOneKeyTwice() throws {
    let pair = try ring.generate("a", role: .worker)
    for (name, role) in [("b", PeerRole.worker), ("a", .client)] {
      #expect(throws: ApusError.self) { try ring.authorize(name: name, publicKey: pair.publicKey, role: role) }
    }
    try ring.authorize(name: "a", publicKey: pair.publicKey, role: .worker)
  }

  @Test(arguments: ["", ".", "..", "../x", "a/b", "A", "é", ".hidden", String(repeating: "a", count: 65), "a\0b"])
  func refusesNamesThatAreNoFileNames(name: String) {
    #expect(throws: ApusError.self) { try ring.generate(name) }
    #expect(throws: ApusError.self) { try ring.revoke(name) }
    #expect(throws: ApusError.self) {
      try ring.authorize(name: name, publicKey: KeyPair.generate().publicKey, role: .worker)
    }
  }

  /// Each failure has the code its exit status comes from, and says what to do.
  @Test func tellsWhatIsWrong() throws {
    try ring.generate("a")
    try expect(.badInput) { try ring.generate("a") }
    try expect(.keyRefused) { _ = try ring.pair("missing") }
    try expect(.keyRefused) { _ = try ring.publicKey("missing") }
    try expect(.badInput) { try ring.revoke("a") }
    try expect(.badInput) { try ring.authorize(name: "b", publicKey: "not a key", role: .client) }
    let file = open(ring.directory + "/a.key", O_WRONLY | O_TRUNC)
    close(file)
    try expect(.badInput) { _ = try ring.pair("a") }
  }

  private func expect(_ code: FailureCode, _ body: () throws -> Void) throws {
    let error = try #require(throws: ApusError.self) { try body() }
    #expect(error.code == code && !error.advice.isEmpty, "\(error)")
  }

  /// No file is left half written: beside the three there is no temporary one.
  @Test func leavesNoTemporaryFiles() throws {
    try ring.generate("a", role: .client)
    try ring.rotate("a")
    let stream = try #require(opendir(ring.directory))
    defer { closedir(stream) }
    var names: Set<String> = []
    while let entry = readdir(stream) {
      names.insert(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    #expect(names == [".", "..", "a.key", "a.pub", "authorized"])
  }
}
