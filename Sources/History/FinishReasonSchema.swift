/// The step that keeps why an answer ended, so that a job asked for again answers as it did the first time.
enum FinishReasonSchema {
  static let sql = """
    -- Why the answer ended: a word of Serving.FinishReason; NULL where nobody said.
    ALTER TABLE jobs ADD COLUMN finish_reason TEXT;
    """
}
