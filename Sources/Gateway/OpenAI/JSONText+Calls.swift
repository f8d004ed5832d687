import Serving

extension JSONText {
  /// The member `message` of a choice, with a comma before it. A message of calls alone has no content.
  mutating func message(_ record: JobRecord) {
    raw(#","message":{"role":"assistant","content":"#)
    optional(record.output.isEmpty && !record.toolCalls.isEmpty ? nil : record.output)
    if !record.toolCalls.isEmpty {
      raw(#","tool_calls":"#)
      array(record.toolCalls) { text, call in
        text.raw("{")
        text.head(id: call.id)
        text.function(name: call.name, arguments: call.arguments)
        text.raw("}")
      }
    }
    raw("}")
  }

  /// A part of a call in an event of a stream. The first part of each names it.
  mutating func call(_ piece: ToolCallPiece) {
    raw(#"{"index":"#)
    number(piece.index)
    raw(",")
    if piece.beginsCall { head(id: piece.id) }
    function(name: piece.beginsCall ? piece.name : nil, arguments: piece.arguments)
    raw("}")
  }

  private mutating func head(id: String) {
    raw(#""id":"#)
    string(id)
    raw(#","type":"function","#)
  }

  private mutating func function(name: String?, arguments: String) {
    raw(#""function":{"#)
    if let name {
      raw(#""name":"#)
      string(name)
      raw(",")
    }
    raw(#""arguments":"#)
    string(arguments)
    raw("}")
  }
}
