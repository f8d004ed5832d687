import Glibc
import Serving
import Synchronization
import TestKit
import Testing

@testable import Messaging

/// Time that stands still until a test moves it.
private final class Hand: Sendable {
  private let time = Mutex(Duration.zero)
  var now: @Sendable () -> Duration { { self.time.withLock { $0 } } }
  func advance(by step: Duration) { time.withLock { $0 += step } }
}

@Suite("Authorized keys")
struct AuthorizedKeysTests {
  private let directory = TemporaryFolder()
  private let hand = Hand()
  private var ring: KeyRing { KeyRing(directory: directory.path) }

  /// Changes are seen once a tenth of a second has passed, and not before: the directory is not read for each message.
  @Test func seesChangesAfterATenthOfASecond() throws {
    let keys = AuthorizedKeys(ring: ring, now: hand.now)
    let pair = KeyPair.generate()
    #expect(keys.identity(of: pair.publicKey) == nil)
    let generation = keys.generation
    try ring.authorize(name: "w", publicKey: pair.publicKey, role: .worker)
    hand.advance(by: .milliseconds(99))
    #expect(keys.identity(of: pair.publicKey) == nil)
    #expect(keys.generation == generation)
    hand.advance(by: .milliseconds(1))
    #expect(keys.identity(of: pair.publicKey) == AuthorizedKeys.Identity(name: "w", role: .worker))
    #expect(keys.generation > generation)

    try ring.revoke("w")
    hand.advance(by: .milliseconds(100))
    #expect(keys.identity(of: pair.publicKey) == nil)
  }

  /// Whoever knocks for the first time is looked up anew, so that `authorize` followed by a start works.
  @Test func looksAgainForANewcomer() throws {
    let keys = AuthorizedKeys(ring: ring, now: hand.now)
    let pair = KeyPair.generate()
    #expect(keys.identity(of: pair.publicKey) == nil)
    try ring.authorize(name: "c", publicKey: pair.publicKey, role: .client)
    #expect(keys.identity(of: pair.publicKey) == nil)
    #expect(keys.identity(of: pair.publicKey, isNewcomer: true)?.name == "c")
  }

  /// Fails closed: no directory, an emptied file, a key under two names, a file whose name is none.
  @Test func letsNobodyInByMistake() throws {
    #expect(AuthorizedKeys(ring: KeyRing(directory: "/nonexistent")).identity(of: KeyPair.generate().publicKey) == nil)

    let keys = AuthorizedKeys(ring: ring, now: hand.now)
    let pair = try ring.generate("w", role: .worker)
    #expect(keys.identity(of: pair.publicKey) != nil)
    let path = "\(directory.path)/authorized/worker/w.pub"
    close(open(path, O_WRONLY | O_TRUNC))
    hand.advance(by: .milliseconds(100))
    #expect(keys.identity(of: pair.publicKey) == nil, "an emptied file revokes")

    try ring.authorize(name: "w", publicKey: pair.publicKey, role: .worker)
    hand.advance(by: .milliseconds(100))
    #expect(keys.identity(of: pair.publicKey) != nil)
    #expect(link(path, "\(directory.path)/authorized/worker/W W.pub") == 0)
    hand.advance(by: .milliseconds(100))
    #expect(keys.identity(of: pair.publicKey)?.name == "w", "a file whose name is none does not count")
    #expect(link(path, "\(directory.path)/authorized/worker/twin.pub") == 0)
    hand.advance(by: .milliseconds(100))
    #expect(keys.identity(of: pair.publicKey) == nil, "a key under two names is let in under neither")
  }
}
