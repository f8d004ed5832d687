public import Serving
public import ZeroMQ

/// A CURVE key pair: who a node is, and the proof of it.
public typealias KeyPair = CurveKeyPair

/// A directory of keys: pairs of this node's own, and the public keys that may speak to its coordinator.
///
/// `NAME.key` holds a secret key (mode 0600), `NAME.pub` its public key, `authorized/ROLE/NAME.pub` a public key that
/// is let in as ROLE under NAME. Each file is one line of 40 characters. A running coordinator sees changes at once.
public struct KeyRing: Sendable {
  /// A public key that is let in.
  public struct Entry: Hashable, Sendable {
    public var name: String
    public var role: PeerRole
    public var publicKey: String
  }

  public let directory: String

  public init(directory: String) {
    self.directory = directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
  }

  /// Makes a pair and, given a role, lets it in here.
  ///
  /// - Throws: `badInput` when there is a key of that name already.
  @discardableResult
  public func generate(_ name: String, role: PeerRole? = nil) throws(ApusError) -> KeyPair {
    try Self.check(name)
    guard try KeyFile.read(secretPath(name)) == nil else {
      throw ApusError(
        .badInput, "there is a key named \(name) in \(directory)", advice: "replace it with `apus keys rotate \(name)`")
    }
    let pair = KeyPair.generate()
    try write(pair, name)
    if let role { try authorize(name: name, publicKey: pair.publicKey, role: role) }
    return pair
  }

  /// The pair of this name; made when there is none.
  public func pairMakingIfNeeded(_ name: String) throws(ApusError) -> KeyPair {
    try Self.check(name)
    return try KeyFile.read(secretPath(name)) == nil ? generate(name) : pair(name)
  }

  /// The pair of a name, or of a `.key` file given by its path.
  public func pair(_ name: String) throws(ApusError) -> KeyPair {
    let path: String
    if name.contains("/") {
      path = name
    } else {
      try Self.check(name)
      path = secretPath(name)
    }
    guard let secret = try KeyFile.read(path) else {
      throw ApusError(
        .keyRefused, "there is no key at \(path)",
        advice:
          "make one with `apus keys generate \(name.contains("/") ? "NAME" : name)`; on the coordinator's machine with --role client or --role worker, which allows it at once"
      )
    }
    guard let pair = KeyPair(secretKey: secret) else {
      throw ApusError(.badInput, "\(path) does not hold a secret key of 40 characters", advice: "make a new key")
    }
    return pair
  }

  /// The public key of a name: its own pair's, or of another node's `.pub` file copied here.
  public func publicKey(_ name: String) throws(ApusError) -> String {
    try Self.check(name)
    let path = "\(directory)/\(name).pub"
    guard let key = try KeyFile.read(path) else {
      throw ApusError(
        .keyRefused, "there is no public key at \(path)",
        advice: "copy \(name).pub from the machine whose key it is")
    }
    guard Z85.decodedKey(key) != nil else { throw Self.notAKey(key, path) }
    return key
  }

  /// Lets a public key in under a name and a role. The key it replaces, if any, stops at its next message.
  ///
  /// - Throws: `badInput` when the key is let in under another name or role already: a key is one peer.
  public func authorize(name: String, publicKey: String, role: PeerRole) throws(ApusError) {
    try Self.check(name)
    guard Z85.decodedKey(publicKey) != nil else { throw Self.notAKey(publicKey, "the public key of \(name)") }
    for other in try list() where other.publicKey == publicKey && (other.name, other.role) != (name, role) {
      throw ApusError(
        .badInput, "this key is let in as \(other.role.rawValue) \(other.name) already",
        advice: "make a key for each node, or revoke the other name first")
    }
    try KeyFile.makeDirectory("\(directory)/authorized/\(role.rawValue)")
    try KeyFile.write(publicKey, to: authorizedPath(name, role), mode: 0o644)
  }

  /// What is let in, sorted by role and name. Files that hold no key let nobody in and are left out.
  public func list() throws(ApusError) -> [Entry] {
    var entries: [Entry] = []
    for role in PeerRole.allCases {
      for file in try KeyFile.names(in: "\(directory)/authorized/\(role.rawValue)") where file.hasSuffix(".pub") {
        let name = String(file.dropLast(4))
        guard (try? Self.check(name)) != nil, let key = try KeyFile.read(authorizedPath(name, role)),
          Z85.decodedKey(key) != nil
        else { continue }
        entries.append(Entry(name: name, role: role, publicKey: key))
      }
    }
    return entries
  }

  /// Replaces a pair by a new one under the same name, and lets the new one in where the old one was.
  @discardableResult
  public func rotate(_ name: String) throws(ApusError) -> KeyPair {
    _ = try pair(name)
    let fresh = KeyPair.generate()
    let entries = try list().filter { $0.name == name }
    try write(fresh, name)
    for entry in entries { try authorize(name: name, publicKey: fresh.publicKey, role: entry.role) }
    return fresh
  }

  /// Lets the key of this name in no more, whatever its role. Its own files stay.
  ///
  /// - Throws: `badInput` when no key of that name is let in.
  public func revoke(_ name: String) throws(ApusError) {
    try Self.check(name)
    var count = 0
    for role in PeerRole.allCases where try KeyFile.remove(authorizedPath(name, role)) { count += 1 }
    guard count > 0 else {
      throw ApusError(.badInput, "no key named \(name) is let in", advice: "see `apus keys list`")
    }
  }

  private func write(_ pair: KeyPair, _ name: String) throws(ApusError) {
    try KeyFile.makeDirectory(directory)
    try KeyFile.write(pair.secretKey, to: secretPath(name), mode: 0o600)
    try KeyFile.write(pair.publicKey, to: "\(directory)/\(name).pub", mode: 0o644)
  }

  private func secretPath(_ name: String) -> String { "\(directory)/\(name).key" }
  private func authorizedPath(_ name: String, _ role: PeerRole) -> String {
    "\(directory)/authorized/\(role.rawValue)/\(name).pub"
  }

  /// A name is also a file's name, so nothing that could lead out of the directory, or hide, is one.
  static func check(_ name: String) throws(ApusError) {
    let isAllowed = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
    guard isAllowed, (1...64).contains(name.utf8.count), !name.hasPrefix(".") else {
      throw ApusError(
        .badInput, "\"\(name.prefix(80))\" cannot be the name of a key",
        advice: "use 1 to 64 of a-z, 0-9, '.', '_' and '-', not beginning with '.'")
    }
  }

  private static func notAKey(_ text: String, _ place: String) -> ApusError {
    ApusError(
      .badInput, "\"\(text.prefix(60))\" (\(place)) is not a public key",
      advice: "give the 40 characters of a .pub file")
  }
}
