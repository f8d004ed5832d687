import Glibc
import Serving
import Synchronization

/// The public keys that are let in, as a key directory has them now.
///
/// The directory is looked at again when it is asked for and the last look is older than 100 ms, so a revoked key stops
/// at its next message without anyone telling the coordinator. Whatever cannot be read lets nobody in.
public final class AuthorizedKeys: Sendable {
  /// Who a key belongs to.
  struct Identity: Hashable, Sendable {
    var name: String
    var role: PeerRole
  }

  /// Long enough to cost nothing, short enough that nobody waits for a revocation.
  private static let interval: Duration = .milliseconds(100)

  /// What a file was when it was read; another inode, time or size means it has to be read again.
  private struct Stamp: Hashable {
    var path: String
    var inode: UInt64
    var seconds: Int
    var nanoseconds: Int
    var size: Int
  }

  private struct State {
    var nextLook: Duration?
    var stamps: Set<Stamp> = []
    var identities: [String: Identity] = [:]
    var generation = 0
  }

  private let ring: KeyRing
  private let now: @Sendable () -> Duration
  private let state = Mutex(State())

  /// - Parameter now: monotonic time since an arbitrary origin.
  public init(ring: KeyRing, now: @escaping @Sendable () -> Duration = MonotonicTime.now) {
    self.ring = ring
    self.now = now
  }

  /// Changes whenever what is let in changes; what was decided under the same number still holds.
  var generation: Int {
    state.withLock { state in
      look(&state, isForced: false)
      return state.generation
    }
  }

  /// Whose key this is; nil for one that is not let in.
  ///
  /// - Parameter isNewcomer: look at the directory even if that was done just now. For handshakes, so that a key that
  ///   was let in a moment ago is.
  func identity(of publicKey: String, isNewcomer: Bool = false) -> Identity? {
    state.withLock { state in
      look(&state, isForced: isNewcomer && state.identities[publicKey] == nil)
      return state.identities[publicKey]
    }
  }

  private func look(_ state: inout State, isForced: Bool) {
    let time = now()
    if let next = state.nextLook, time < next, !isForced { return }
    state.nextLook = time + Self.interval
    let stamps = currentStamps()
    guard stamps != state.stamps || state.generation == 0 else { return }
    let identities = currentIdentities()
    state.stamps = stamps
    if identities != state.identities || state.generation == 0 {
      state.identities = identities
      state.generation += 1
    }
  }

  private func currentStamps() -> Set<Stamp> {
    var stamps: Set<Stamp> = []
    for role in PeerRole.allCases {
      let directory = "\(ring.directory)/authorized/\(role.rawValue)"
      for name in (try? KeyFile.names(in: directory)) ?? [] {
        var status = stat()
        guard stat("\(directory)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        stamps.insert(
          Stamp(
            path: "\(directory)/\(name)", inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size)))
      }
    }
    return stamps
  }

  /// A key that stands under two names is let in under neither: it would be a guess who it is.
  private func currentIdentities() -> [String: Identity] {
    var identities: [String: Identity] = [:]
    var doubles: Set<String> = []
    for entry in (try? ring.list()) ?? [] {
      let identity = Identity(name: entry.name, role: entry.role)
      if identities.updateValue(identity, forKey: entry.publicKey) != nil { doubles.insert(entry.publicKey) }
    }
    for key in doubles { identities[key] = nil }
    return identities
  }
}
