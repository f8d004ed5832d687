import CMessages
import Serving

// Tools and their calls in Schemas/messages.proto.

extension ToolCall: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ToolCall>) { apus__tool_call__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ToolCall>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.name = try arena.text(name)
    c.pointee.arguments = try arena.text(arguments)
  }

  init(reading c: UnsafePointer<Apus__ToolCall>) throws(CodecError) {
    self.init(
      id: try Wire.text(c.pointee.id, "ToolCall.id"), name: try Wire.text(c.pointee.name, "ToolCall.name"),
      arguments: try Wire.text(c.pointee.arguments, "ToolCall.arguments"))
  }
}

extension ToolCallPiece: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ToolCallPiece>) { apus__tool_call_piece__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ToolCallPiece>, _ arena: Arena) throws(CodecError) {
    c.pointee.index = try arena.count(index, "ToolCallPiece.index")
    c.pointee.id = try arena.text(id)
    c.pointee.name = try arena.text(name)
    c.pointee.arguments = try arena.text(arguments)
  }

  init(reading c: UnsafePointer<Apus__ToolCallPiece>) throws(CodecError) {
    self.init(
      index: try Wire.count(c.pointee.index, "ToolCallPiece.index"),
      id: try Wire.text(c.pointee.id, "ToolCallPiece.id"), name: try Wire.text(c.pointee.name, "ToolCallPiece.name"),
      arguments: try Wire.text(c.pointee.arguments, "ToolCallPiece.arguments"))
  }
}

extension Tools.Function: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ToolFunction>) { apus__tool_function__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ToolFunction>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.json = try arena.text(json)
  }

  init(reading c: UnsafePointer<Apus__ToolFunction>) throws(CodecError) {
    self.init(
      name: try Wire.text(c.pointee.name, "ToolFunction.name"),
      json: try Wire.text(c.pointee.json, "ToolFunction.json"))
  }
}

extension Tools: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Tools>) { apus__tools__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Tools>, _ arena: Arena) throws(CodecError) {
    try Self.check(functions.count)
    c.pointee.n_functions = functions.count
    c.pointee.functions = try arena.messages(functions)
    switch choice {
    case .auto:
      c.pointee.choice_case = APUS__TOOLS__CHOICE_AUTO
      c.pointee.auto_ = try arena.empty()
    case .required:
      c.pointee.choice_case = APUS__TOOLS__CHOICE_REQUIRED
      c.pointee.required = try arena.empty()
    case .function(let name):
      c.pointee.choice_case = APUS__TOOLS__CHOICE_FUNCTION
      c.pointee.function = try arena.text(name)
    }
    c.pointee.forbids_parallel_calls = forbidsParallelCalls ? 1 : 0
  }

  init(reading c: UnsafePointer<Apus__Tools>) throws(CodecError) {
    try Self.check(c.pointee.n_functions)
    let choice: Choice
    switch c.pointee.choice_case {
    case APUS__TOOLS__CHOICE_AUTO: choice = .auto
    case APUS__TOOLS__CHOICE_REQUIRED: choice = .required
    case APUS__TOOLS__CHOICE_FUNCTION: choice = .function(try Wire.text(c.pointee.function, "Tools.function"))
    default: throw .invalid(field: "Tools.choice", problem: "is missing")
    }
    self.init(
      functions: try Wire.messages(c.pointee.functions, c.pointee.n_functions, "Tools.functions"), choice: choice,
      forbidsParallelCalls: c.pointee.forbids_parallel_calls != 0)
  }

  private static func check(_ count: Int) throws(CodecError) {
    guard (1...most).contains(count) else {
      throw .invalid(field: "Tools.functions", problem: "are \(count); there are 1 to \(most)")
    }
  }
}
