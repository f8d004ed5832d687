import CMessages
import Glibc
import Serving
import Synchronization

/// A profile that comes with every measurement of a worker, always the same, and is an object's worth of memory: its
/// bytes and its box are remembered, so that it is encoded once, decoded once and compared by identity.
protocol KnownProfile: WireValue, Hashable, Codable, Sendable {
  static var known: KnownProfiles<Self> { get }
}

extension HardwareProfile: KnownProfile { static let known = KnownProfiles<HardwareProfile>() }
extension ModelProfile: KnownProfile { static let known = KnownProfiles<ModelProfile>() }

/// The profiles seen of late with their encoded form. Any thread.
final class KnownProfiles<Profile: KnownProfile>: Sendable {
  /// Profiles remembered; then all are forgotten, as a hostile peer may send a new one each time.
  private static var limit: Int { 256 }
  /// Larger ones are not remembered: with the limit, this bounds the memory.
  private static var largestBytes: Int { 16 << 10 }

  private struct Entry {
    var bytes: [UInt8]
    var profile: Boxed<Profile>
  }

  private struct State {
    var byHash: [Int: Entry] = [:]
    /// An entry keeps its box, so an identity stays that box's.
    var byIdentity: [ObjectIdentifier: Entry] = [:]

    mutating func remember(_ entry: Entry, hash: Int) {
      guard entry.bytes.count <= largestBytes else { return }
      if byHash.count >= limit || byIdentity.count >= limit { self = State() }
      byHash[hash] = entry
      byIdentity[entry.profile.identity] = entry
    }
  }

  private let state = Mutex(State())

  /// The encoded form, in the arena.
  func write(_ profile: Boxed<Profile>, _ arena: Arena) throws(CodecError) -> ProtobufCBinaryData {
    if let known = state.withLock({ $0.byIdentity[profile.identity]?.bytes }) { return try arena.bytes(known) }
    let c = try arena.array(of: Profile.C.self, 1)
    Profile.initialize(c)
    try profile.wrappedValue.write(to: c, arena)
    // Every generated struct begins with its ProtobufCMessage.
    let message = UnsafeRawPointer(c).assumingMemoryBound(to: ProtobufCMessage.self)
    let bytes = [UInt8](unsafeUninitializedCapacity: protobuf_c_message_get_packed_size(message)) { buffer, count in
      count = protobuf_c_message_pack(message, buffer.baseAddress)
    }
    let hash = bytes.withUnsafeBytes { Self.hash($0) }
    state.withLock { $0.remember(Entry(bytes: bytes, profile: profile), hash: hash) }
    return try arena.bytes(bytes)
  }

  /// - Throws: `CodecError` when the bytes are not a whole, valid profile.
  func read(_ data: ProtobufCBinaryData) throws(CodecError) -> Boxed<Profile> {
    let bytes = UnsafeRawBufferPointer(start: data.data, count: data.len)
    let hash = Self.hash(bytes)
    let known = state.withLock { state -> Boxed<Profile>? in
      guard let start = bytes.baseAddress, let entry = state.byHash[hash], entry.bytes.count == bytes.count,
        memcmp(entry.bytes, start, bytes.count) == 0
      else { return nil }
      return entry.profile
    }
    if let known { return known }
    let profile = Boxed(wrappedValue: try MessageCodec().decode(Profile.self, from: bytes))
    state.withLock { $0.remember(Entry(bytes: Array(bytes), profile: profile), hash: hash) }
    return profile
  }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
    var hasher = Hasher()
    hasher.combine(bytes: bytes)
    return hasher.finalize()
  }
}

extension Arena {
  func known<Profile: KnownProfile>(_ profile: Boxed<Profile>) throws(CodecError) -> ProtobufCBinaryData {
    try Profile.known.write(profile, self)
  }
}

extension Wire {
  static func known<Profile: KnownProfile>(
    _ data: ProtobufCBinaryData, _ field: StaticString
  ) throws(CodecError) -> Boxed<Profile> {
    guard data.len > 0 else { throw .invalid(field: "\(field)", problem: "is missing") }
    return try Profile.known.read(data)
  }
}
