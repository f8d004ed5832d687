import FoundationEssentials
import Serving

/// What a body says of tools.
struct ToolRequest: Decodable, Sendable {
  /// Names of the functions, in order.
  private var names: [String]
  private var choice: ChoiceField?
  private var allowsParallelCalls: Bool?

  private enum CodingKeys: String, CodingKey {
    case tools
    case choice = "tool_choice"
    case allowsParallelCalls = "parallel_tool_calls"
  }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    names = try values.decodeIfPresent([Definition].self, forKey: .tools)?.map(\.name) ?? []
    choice = try values.decodeIfPresent(ChoiceField.self, forKey: .choice)
    allowsParallelCalls = try values.decodeIfPresent(Bool.self, forKey: .allowsParallelCalls)
  }

  /// - Parameter body: where each definition stands as it was written.
  /// - Returns: nil where nothing can be called.
  func tools(in body: Data) throws(RequestRefusal) -> Tools? {
    guard !names.isEmpty else {
      switch choice {
      case nil, .noCall, .auto: return nil
      case .required, .function:
        throw RequestRefusal("tool_choice", "a call is asked for, and there are no tools; give some")
      }
    }
    guard names.count <= Tools.most else {
      throw RequestRefusal("tools", "there are \(names.count) tools; give at most \(Tools.most)")
    }
    if let twice = Set(names).first(where: { name in names.count { $0 == name } > 1 }) {
      throw RequestRefusal("tools", "two tools are named \(twice); give each a name of its own")
    }
    let written = RawJSON.value(of: "tools", in: ArraySlice(body)).map(RawJSON.elements) ?? []
    let functions = zip(names, written).map { Tools.Function(name: $0, json: String(decoding: $1, as: UTF8.self)) }
    let tools = Tools(
      functions: functions, choice: try picked(), forbidsParallelCalls: allowsParallelCalls == false)
    guard tools.bytes <= Tools.mostBytes else {
      throw RequestRefusal("tools", "the tools have \(tools.bytes) bytes; give at most \(Tools.mostBytes)")
    }
    return choice == .noCall ? nil : tools
  }

  private func picked() throws(RequestRefusal) -> Tools.Choice {
    switch choice {
    case nil, .noCall, .auto: return .auto
    case .required: return .required
    case .function(let name):
      guard names.contains(name) else {
        throw RequestRefusal(
          "tool_choice", "there is no tool \(name.prefix(80)); there are \(names.joined(separator: ", "))")
      }
      return .function(name)
    }
  }

  private enum ChoiceField: Decodable, Hashable {
    /// As if there were no tools.
    case noCall
    case auto
    case required
    case function(String)

    private struct Named: Decodable {
      struct Function: Decodable { var name: String }
      var type: String
      var function: Function
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      switch try? container.decode(String.self) {
      case "none": self = .noCall
      case "auto": self = .auto
      case "required": self = .required
      case .some(let word):
        throw RequestRefusal(
          "tool_choice",
          "there is no tool_choice \(word.prefix(80)); there are none, auto, required, and the name of a function")
      case nil:
        let named = try container.decode(Named.self)
        guard named.type == "function" else {
          throw RequestRefusal("tool_choice", "a tool_choice is of type \(named.type.prefix(80)); name a function")
        }
        self = .function(named.function.name)
      }
    }
  }

  /// The parts of a definition that are looked at.
  private struct Definition: Decodable {
    var name: String

    private enum CodingKeys: CodingKey { case type, function }
    private enum FunctionKeys: CodingKey { case name, description, parameters, strict }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      let type = try values.decode(String.self, forKey: .type)
      guard type == "function" else {
        throw RequestRefusal(
          decoder.codingPath + [CodingKeys.type], "a tool is of type \(type.prefix(80)); only functions can be called")
      }
      let function = try values.nestedContainer(keyedBy: FunctionKeys.self, forKey: .function)
      name = try function.decode(String.self, forKey: .name)
      if let fault = Tools.fault(ofName: name) {
        throw RequestRefusal(function.codingPath + [FunctionKeys.name], fault)
      }
      _ = try function.decodeIfPresent(String.self, forKey: .description)
      _ = try function.decodeIfPresent(Bool.self, forKey: .strict)
      guard try function.contains(.parameters) && !function.decodeNil(forKey: .parameters) else { return }
      guard (try? function.nestedContainer(keyedBy: FieldName.self, forKey: .parameters)) != nil else {
        throw RequestRefusal(
          function.codingPath + [FunctionKeys.parameters],
          "the parameters of \(name) are no object; give a JSON Schema, an object", code: "wrong_type")
      }
    }
  }
}
