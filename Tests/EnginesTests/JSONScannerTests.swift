import Foundation
import Serving
import Testing

@testable import Engines

/// Reads JSON as RFC 8259 has it, and refuses everything else.
@Suite("JSONScanner") struct JSONScannerTests {
  private func tree(_ text: String) throws -> JSONTree { try JSONTree(Array(text.utf8), path: "test") }

  @Test func valuesOfEveryKind() throws {
    #expect(
      try tree(" {\"a\" : [1, -2.5e1, true, false, null, {}], \"b\":\"\"} ")
        == .object([
          "a": .array([.integer(1), .number(-25), .bool(true), .bool(false), .null, .object([:])]), "b": .string(""),
        ]))
    #expect(try tree("9223372036854775807") == .integer(.max))
    #expect(try tree("9223372036854775808") == .number(9_223_372_036_854_775_808))
    #expect(try tree("-0")["x"] == nil)
  }

  @Test(arguments: [
    (#""é\n\"\\\/\b\f\r\t""#, "é\n\"\\/\u{8}\u{C}\r\t"), (#""😀""#, "😀"), (#""\u0000""#, "\0"), ("\"Ġword\"", "Ġword"),
  ])
  func strings(_ text: String, _ expected: String) throws { #expect(try tree(text) == .string(expected)) }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e",
    "+1",
    "tru", "nul", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\u-001\"",
    "\"\u{1}\"", "1 2", "{\"a\":1,\"a\":2}", "1e999", "'a'",
  ])
  func whatIsNoJSONIsRefused(_ text: String) {
    #expect(throws: ApusError.self) { try tree(text) }
  }

  @Test func bytesThatAreNotUTF8AreRefused() {
    #expect(throws: ApusError.self) { try JSONTree([0x22, 0xFF, 0x22], path: "test") }
    #expect(throws: ApusError.self) { try JSONTree([0xEF, 0xBB, 0xBF, 0x31], path: "test") }
  }

  @Test func limits() throws {
    let nested = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(throws: Never.self) { try tree(nested) }
    #expect(throws: ApusError.self) { try tree("[\(nested)]") }
    #expect(throws: ApusError.self) { try tree(String(repeating: "[", count: 1 << 19)) }
    #expect(throws: ApusError.self) { try tree("[" + String(repeating: "1,", count: 1 << 16) + "1]") }
    #expect(throws: ApusError.self) { try tree("\"" + String(repeating: "a", count: 1 << 20) + "\"") }
    #expect(throws: ApusError.self) { try tree(String(repeating: "1", count: 65)) }
  }
}
