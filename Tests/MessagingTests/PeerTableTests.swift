import Serving
import TestKit
import Testing

@testable import Messaging

@Suite("Peer table")
struct PeerTableTests {
  private let directory = TemporaryFolder()
  private var ring: KeyRing { KeyRing(directory: directory.path) }

  /// Only ids that the router chose are accepted: another peer could choose the same as its own.
  @Test func acceptsOnlyTheRoutersOwnNumbers() {
    func number(_ id: [UInt8]) -> UInt32? { id.withUnsafeBytes { PeerTable.number(of: $0) } }
    #expect(number([0, 0, 0, 1, 2]) == 258)
    var own = PeerTable.routingID(0x1020304)
    #expect(own.bytes() == [0, 1, 2, 3, 4])
    for id in [[], [0, 1, 2, 3], [1, 0, 0, 0, 1], [0, 1, 2, 3, 4, 5]] as [[UInt8]] {
      #expect(number(id) == nil)
    }
  }

  /// A remembered connection holds for its key and its generation, and no longer.
  @Test func forgetsWhatChanged() throws {
    let (mine, other) = (try ring.generate("a", role: .client), try ring.generate("b", role: .worker))
    var table = PeerTable(authorized: AuthorizedKeys(ring: ring, now: { .zero }), limit: 10)
    let peer = table.identify(1, key: mine.publicKey, generation: 1)
    #expect(peer == Peer(name: "a", role: .client, connection: 1))
    func current(_ number: UInt32, generation: Int, key: KeyPair) -> Peer? {
      table.current(number, generation: generation) { $0 == Array(key.publicKey.utf8) }
    }
    let (same, later) = (current(1, generation: 1, key: mine), current(1, generation: 2, key: mine))
    #expect(same == peer)
    #expect(later == nil, "the authorized keys changed")
    let (stolen, unknown) = (current(1, generation: 1, key: other), current(2, generation: 1, key: mine))
    #expect(stolen == nil, "another key behind the same number")
    #expect(unknown == nil)
  }

  /// Nothing is sent to a key that is not let in any more, nor to a peer that the connection does not belong to.
  @Test func stopsSendingToRevokedKeys() throws {
    let pair = try ring.generate("a", role: .client)
    var table = PeerTable(authorized: AuthorizedKeys(ring: ring), limit: 10)
    let peer = try required(table.identify(1, key: pair.publicKey, generation: 1))
    let (now, afterAnotherChange) = (
      table.access(of: peer, generation: 1), table.access(of: peer, generation: 2)
    )
    #expect(now == .open && afterAnotherChange == .open)
    var impostor = peer
    impostor.name = "b"
    let accessOfImpostor = table.access(of: impostor, generation: 2)
    #expect(accessOfImpostor == .unknown)

    try ring.revoke("a")
    var fresh = PeerTable(authorized: AuthorizedKeys(ring: ring), limit: 10)
    let (identified, access) = (
      fresh.identify(1, key: pair.publicKey, generation: 3), fresh.access(of: peer, generation: 3)
    )
    #expect(identified == nil && access == .unknown)
  }

  /// The table stays within its limit; the connections used last stay.
  @Test func forgetsTheOldestAboveItsLimit() throws {
    let pair = try ring.generate("a", role: .client)
    var table = PeerTable(authorized: AuthorizedKeys(ring: ring, now: { .zero }), limit: 8)
    for number in 1...8 { _ = table.identify(UInt32(number), key: pair.publicKey, generation: 1) }
    _ = table.current(1, generation: 1) { _ in true }
    _ = table.identify(9, key: pair.publicKey, generation: 1)
    let known = (1...9).filter { number in table.current(UInt32(number), generation: 1) { _ in true } != nil }
    #expect(known.contains(1) && known.contains(9) && !known.contains(2) && known.count <= 8, "\(known)")
  }

  /// `#require` for a value that a mutating call gave.
  private func required<Value>(_ value: Value?) throws -> Value { try #require(value) }
}
