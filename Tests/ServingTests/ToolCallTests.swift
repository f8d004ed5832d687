import Foundation
import Serving
import Testing

@Suite("Calls of functions") struct ToolCallTests {
  private let calls = [
    ToolCall(id: "1", name: "f", arguments: #"{"a":"é"}"#), ToolCall(id: "2", name: "g", arguments: ""),
    ToolCall(id: "3", name: "f", arguments: "{}"),
  ]

  @Test("Their JSON is OpenAI's, in both directions")
  func json() throws {
    let message = ChatMessage(role: "assistant", content: "", toolCalls: [calls[2]])
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(message), as: UTF8.self)
    #expect(
      text
        == #"{"content":"","role":"assistant","tool_calls":[{"function":{"arguments":"{}","name":"f"},"id":"3","type":"function"}]}"#
    )
    #expect(try JSONDecoder().decode(ChatMessage.self, from: Data(text.utf8)) == message)
    // As messages were stored before there were calls.
    let plain = try JSONDecoder().decode(ChatMessage.self, from: Data(#"{"role":"user","content":"p"}"#.utf8))
    #expect(plain == ChatMessage(role: "user", content: "p"))
  }

  @Test("Wherever an answer was cut, what was shown and what is missing make the whole")
  func pieces() {
    let whole = calls.pieces(behind: [])
    #expect(whole.calls == calls && whole.count == 3)
    var pieces: [ToolCallPiece] = []
    for (index, call) in calls.enumerated() {
      pieces.append(ToolCallPiece(index: index, id: call.id, name: call.name))
      for scalar in call.arguments.unicodeScalars {
        pieces.append(ToolCallPiece(index: index, arguments: String(scalar)))
      }
    }
    for count in 0...pieces.count {
      let shown = Array(pieces.prefix(count))
      #expect((shown + calls.pieces(behind: shown.calls)).calls == calls, "after \(count) pieces")
    }
  }

  @Test("Pieces that fit nowhere are left out, whoever sends them")
  func strays() {
    let pieces = [
      ToolCallPiece(index: 1, arguments: "x"), ToolCallPiece(index: 5, id: "5", name: "f"),
      ToolCallPiece(index: 0, id: "1", name: "f", arguments: "a"), ToolCallPiece(index: 0, arguments: "b"),
      ToolCallPiece(index: -1, arguments: "x"), ToolCallPiece(index: 0, id: "2", name: "g", arguments: "c"),
    ]
    #expect(pieces.calls == [ToolCall(id: "1", name: "f", arguments: "ab")])
  }

  @Test("Tokens that travel together bring one piece of each call")
  func joined() {
    var tokens = GeneratedTokens([1], "", toolCalls: [ToolCallPiece(index: 0, id: "1", name: "f", arguments: "{")])
    tokens.append(GeneratedTokens([2], "", toolCalls: [ToolCallPiece(index: 0, arguments: "}")]))
    tokens.append(GeneratedTokens([3], "", toolCalls: [ToolCallPiece(index: 1, id: "2", name: "g")]))
    #expect(
      tokens.toolCalls == [
        ToolCallPiece(index: 0, id: "1", name: "f", arguments: "{}"), ToolCallPiece(index: 1, id: "2", name: "g"),
      ])
    #expect(tokens.ids == [1, 2, 3] && !tokens.isEmpty)
  }

  @Test(
    "Names of functions are those that OpenAI takes",
    arguments: [
      ("get_weather-2", true), ("", false), ("a.b", false), ("é", false), (String(repeating: "x", count: 65), false),
    ])
  func names(name: String, isSound: Bool) {
    #expect((Tools.fault(ofName: name) == nil) == isSound)
  }
}
