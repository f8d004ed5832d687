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
  package init?(_ url: String) {
    guard
      let match = url.wholeMatch(
        of: #/http(s?):\/\/(([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?)(\/[!-~]*)?/#)
    else { return nil }
    isSecure = !match.1.isEmpty
    port = match.4.map { Int($0)! } ?? (isSecure ? 443 : 80)
    guard (1...65535).contains(port) else { return nil }
    host = String(match.3.drop { $0 == "[" }.prefix { $0 != "]" })
    authority = String(match.2)
    path = match.5.map(String.init) ?? "/"
  }
}
