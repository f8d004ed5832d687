import Foundation
import Testing

@testable import Serving

@Suite struct JSONTextTests {
  /// What is written is read again as it was, whatever characters it has.
  @Test(arguments: ["", "plain", "\"quoted\" \\ and\nlines\ttabs", "\u{0}\u{1f}\u{7f}", "žluťoučký 🐎 \u{2028}"])
  func strings(text: String) throws {
    var json = JSONText()
    json.raw("[")
    json.string(text)
    json.raw("]")
    let read = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String]
    #expect(read == [text])
  }

  @Test func numbersThatAreNone() {
    var json = JSONText()
    json.array([1.5, Double.nan, .infinity]) { $0.number($1) }
    #expect(String(decoding: json.bytes, as: UTF8.self) == "[1.5,null,null]")
  }
}
