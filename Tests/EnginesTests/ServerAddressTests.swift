import Engines
import Testing

@Suite struct ServerAddressTests {
  @Test(arguments: [
    ("http://127.0.0.1:8000/v1/models?a=b", false, "127.0.0.1", 8000, "127.0.0.1:8000", "/v1/models?a=b"),
    ("https://llm.example", true, "llm.example", 443, "llm.example", "/"),
    ("http://[fd00::7]/x", false, "fd00::7", 80, "[fd00::7]", "/x"),
    ("http://[::1]:65535", false, "::1", 65535, "[::1]:65535", "/"),
    ("http://h_1-A.b:080/", false, "h_1-A.b", 80, "h_1-A.b:080", "/"),
  ]) func parts(url: String, isSecure: Bool, host: String, port: Int, authority: String, path: String) throws {
    let address = try #require(ServerAddress(url))
    #expect(address.isSecure == isSecure && address.host == host && address.port == port)
    #expect(address.authority == authority && address.path == path)
  }

  @Test(arguments: [
    "", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:", "ftp://h", "http://[::1", "http://h /",
    "http://u@h", "http://h/\r\nX: y", "HTTP//h", "http://h:+80", "http://h:000080", "http://[h]", "http://[]",
    "http://[::1]80", "http://h/é", "https:/h", "http://h?a",
  ]) func refused(url: String) { #expect(ServerAddress(url) == nil) }
}
