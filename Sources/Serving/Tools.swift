/// What a job lets the model call: the answer then is text, calls, or both.
public struct Tools: Hashable, Codable, Sendable {
  /// OpenAI's limit.
  public static let most = 128
  /// Bytes of all definitions together: they become part of every prompt.
  public static let mostBytes = 256 << 10

  /// A function as its client defined it.
  public struct Function: Hashable, Codable, Sendable {
    /// 1 to 64 letters, digits, underscores and hyphens.
    public var name: String
    /// The whole definition in OpenAI's words, `{"type":"function","function":{...}}`, as it was written: the order of
    /// the parameters is what a model is shown.
    public var json: String

    public init(name: String, json: String) {
      self.name = name
      self.json = json
    }
  }

  public enum Choice: Hashable, Codable, Sendable {
    /// The model decides.
    case auto
    /// At least one call, of whichever function.
    case required
    /// A call of this function.
    case function(String)
  }

  /// At least one, their names unlike.
  public var functions: [Function]
  public var choice: Choice
  /// Whether one answer may have one call at most.
  public var forbidsParallelCalls: Bool

  public init(functions: [Function], choice: Choice = .auto, forbidsParallelCalls: Bool = false) {
    self.functions = functions
    self.choice = choice
    self.forbidsParallelCalls = forbidsParallelCalls
  }

  public var bytes: Int { functions.reduce(0) { $0 + $1.json.utf8.count } }

  /// What is wrong with a function's name; nil when it is sound.
  public static func fault(ofName name: String) -> String? {
    let isSound = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isSound, (1...64).contains(name.utf8.count) else {
      return "the name of a function is \u{201C}\(name.prefix(80))\u{201D}; give 1 to 64 letters, digits, _ and -"
    }
    return nil
  }
}

/// A call of a function, as a model made it and as later messages of the chat repeat it. Its JSON is OpenAI's.
public struct ToolCall: Hashable, Sendable {
  /// Names the call for the message with its result.
  public var id: String
  public var name: String
  /// A JSON object in the model's own words: of an answer that was cut short it is not whole.
  public var arguments: String

  public init(id: String, name: String, arguments: String) {
    self.id = id
    self.name = name
    self.arguments = arguments
  }

  public var textBytes: Int { name.utf8.count + arguments.utf8.count }
}

extension ToolCall: Codable {
  private enum CodingKeys: String, CodingKey { case id, type, function }

  private struct Function: Codable {
    var name: String
    var arguments: String
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let function = try values.decode(Function.self, forKey: .function)
    self.init(id: try values.decode(String.self, forKey: .id), name: function.name, arguments: function.arguments)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(id, forKey: .id)
    try values.encode("function", forKey: .type)
    try values.encode(Function(name: name, arguments: arguments), forKey: .function)
  }
}

/// A part of a call on its way to whoever asked. Calls come one after the other, each with its name first.
public struct ToolCallPiece: Hashable, Sendable {
  /// The call's place among those of the answer, from 0.
  public var index: Int
  /// Of the call that begins with this piece; empty in one that goes on.
  public var id: String
  public var name: String
  /// What is added to the arguments; may be empty.
  public var arguments: String

  public init(index: Int, id: String = "", name: String = "", arguments: String = "") {
    self.index = index
    self.id = id
    self.name = name
    self.arguments = arguments
  }

  public var beginsCall: Bool { !name.isEmpty }
}

extension [ToolCallPiece] {
  /// The calls that the pieces make together. One that fits nowhere is left out.
  public var calls: [ToolCall] {
    reduce(into: []) { calls, piece in
      if piece.beginsCall, piece.index == calls.count {
        calls.append(ToolCall(id: piece.id, name: piece.name, arguments: piece.arguments))
      } else if !piece.beginsCall, calls.indices.contains(piece.index) {
        calls[piece.index].arguments += piece.arguments
      }
    }
  }

  /// Adds a piece; one that goes on where the last one ended becomes part of it.
  mutating func join(_ piece: ToolCallPiece) {
    if !piece.beginsCall, let last = indices.last, self[last].index == piece.index {
      self[last].arguments += piece.arguments
    } else {
      append(piece)
    }
  }
}

extension [ToolCall] {
  /// What is missing to these calls where some were shown already, in the same order and up to somewhere in the last.
  public func pieces(behind shown: [ToolCall]) -> [ToolCallPiece] {
    enumerated().compactMap { index, call in
      guard index < shown.count else {
        return ToolCallPiece(index: index, id: call.id, name: call.name, arguments: call.arguments)
      }
      let rest = call.arguments.utf8.dropFirst(shown[index].arguments.utf8.count)
      return rest.isEmpty ? nil : ToolCallPiece(index: index, arguments: String(decoding: rest, as: UTF8.self))
    }
  }
}
