import Serving

/// What a request asks with tools, as members of a body in OpenAI's words.
struct ToolFields {
  private let tools: Tools
  private let namesFunctions: Bool

  /// - Parameter namesFunctions: whether the engine knows a choice of one function. llama.cpp does not; it is given that
  ///   function alone, and told that a call is required.
  init(_ tools: Tools, namesFunctions: Bool) {
    self.tools = tools
    self.namesFunctions = namesFunctions
  }

  /// The members with a comma before each: their values are JSON already, and stay in its order.
  var json: String {
    let parallel = tools.forbidsParallelCalls ? #","parallel_tool_calls":false"# : ""
    return #","tools":[\#(offered.map(\.json).joined(separator: ","))],"tool_choice":\#(choice)\#(parallel)"#
  }

  private var offered: [Tools.Function] {
    guard case .function(let name) = tools.choice, !namesFunctions else { return tools.functions }
    return tools.functions.filter { $0.name == name }
  }

  private var choice: String {
    switch tools.choice {
    case .auto: #""auto""#
    // A name has no character that JSON would escape.
    case .function(let name) where namesFunctions: #"{"type":"function","function":{"name":"\#(name)"}}"#
    case .required, .function: #""required""#
    }
  }
}

/// A part of a call in one event of a stream.
struct ToolCallDelta: Decodable {
  struct Function: Decodable {
    var name: String?
    var arguments: String?
  }

  var index: Int?
  var id: String?
  var function: Function?
}

/// Puts the parts of calls in order as they come, and gives names to calls that their engine left without.
struct ToolCallReader {
  private var count = 0

  mutating func read(_ deltas: [ToolCallDelta]) throws(RequestFailure) -> [ToolCallPiece] {
    var pieces: [ToolCallPiece] = []
    for delta in deltas {
      let name = delta.function?.name ?? ""
      // Servers that send each call whole may leave its place out.
      let index = delta.index ?? (name.isEmpty ? count - 1 : count)
      var piece = ToolCallPiece(index: index, arguments: delta.function?.arguments ?? "")
      if index == count, !name.isEmpty {
        guard count < Tools.most else { throw .invalidAnswer("it calls more than \(Tools.most) functions") }
        count += 1
        piece.name = name
        piece.id = delta.id.flatMap { $0.isEmpty ? nil : $0 } ?? Self.newID()
      } else if index != count - 1 {
        throw .invalidAnswer("a part of call \(index) came after \(count) calls")
      } else if piece.arguments.isEmpty {
        // Says again what is known already.
        continue
      }
      pieces.append(piece)
    }
    return pieces
  }

  private static func newID() -> String { "call_" + String(UInt64.random(in: .min ... .max), radix: 36) }
}
