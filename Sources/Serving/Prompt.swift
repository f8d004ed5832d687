/// What a job asks the model.
public enum Prompt: Hashable, Codable, Sendable {
  /// Completed as it stands.
  case text(String)
  /// Put through the model's chat template.
  case chat([ChatMessage])
}

/// One turn of a conversation, as OpenAI's `messages` have them.
public struct ChatMessage: Hashable, Codable, Sendable {
  public var role: String
  public var content: String
  /// What an answer of before called; nil where it called nothing.
  public var toolCalls: [ToolCall]?
  /// Of a message of role `tool`, the call that it is the result of.
  public var toolCallID: String?

  public init(role: String, content: String, toolCalls: [ToolCall]? = nil, toolCallID: String? = nil) {
    self.role = role
    self.content = content
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
  }

  private enum CodingKeys: String, CodingKey {
    case role, content
    case toolCalls = "tool_calls"
    case toolCallID = "tool_call_id"
  }

  public var textBytes: Int { content.utf8.count + (toolCalls ?? []).reduce(0) { $0 + $1.textBytes } }
}
