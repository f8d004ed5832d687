/// The step that keeps what answers call, so that a job asked for again answers as it did the first time.
enum ToolCallSchema {
  static let sql = """
    -- What the answer calls: a JSON array of Serving.ToolCall; NULL where it calls nothing.
    ALTER TABLE jobs ADD COLUMN tool_calls TEXT;
    """
}
