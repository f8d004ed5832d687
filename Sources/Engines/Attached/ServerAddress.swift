/// The parts of `http[s]://HOST[:PORT][/PATH]` (RFC 3986; no user, query or fragment).
package struct ServerAddress: Hashable, Sendable {
  package let isSecure: Bool
  /// A name or an address, without the brackets of IPv6.
  package let host: String
  /// As it is written, or that of the scheme.
  package let port: Int
  /// `HOST[:PORT]` as it is written.
  package let authority: String
  /// Begins with a slash.
  package let path: String

  /// Nil for what is no such address.
  ///
  /// Each request to an engine reads one; a regular expression, which is compiled for each use, takes as long as all else
  /// of a small request.
  package init?(_ url: String) {
    let isSecure = url.utf8.starts(with: "https://".utf8)
    guard isSecure || url.utf8.starts(with: "http://".utf8) else { return nil }
    let rest = url.utf8.dropFirst(isSecure ? 8 : 7)
    let authority = rest.prefix { $0 != UInt8(ascii: "/") }
    let path = rest[authority.endIndex...]
    guard path.allSatisfy((UInt8(ascii: "!")...UInt8(ascii: "~")).contains),
      let place = Self.place(authority, defaultPort: isSecure ? 443 : 80)
    else { return nil }
    (host, port) = place
    self.isSecure = isSecure
    self.authority = String(Substring(authority))
    self.path = path.isEmpty ? "/" : String(Substring(path))
  }

  /// The parts of `HOST[:PORT]`.
  private static func place(_ authority: Substring.UTF8View, defaultPort: Int) -> (host: String, port: Int)? {
    let isBracketed = authority.first == UInt8(ascii: "[")
    var rest = isBracketed ? authority.dropFirst() : authority
    let host = rest.prefix { isBracketed ? isOfAddress($0) : isOfName($0) }
    rest = rest[host.endIndex...]
    guard !host.isEmpty, !isBracketed || rest.popFirst() == UInt8(ascii: "]") else { return nil }
    guard let colon = rest.popFirst() else { return (String(Substring(host)), defaultPort) }
    guard colon == UInt8(ascii: ":"), rest.count <= 5, rest.allSatisfy(isDigit),
      let port = Int(Substring(rest)), (1...65535).contains(port)
    else { return nil }
    return (String(Substring(host)), port)
  }

  private static func isOfAddress(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"),
      UInt8(ascii: "."):
      true
    default: isDigit(byte)
    }
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: isDigit(byte)
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
