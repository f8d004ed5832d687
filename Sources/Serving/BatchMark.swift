/// What the idempotency key of a batch's line begins with.
public enum BatchMark {
  public static let text = "batch:"
}

extension JobSpec {
  /// Whether it is a line of a batch, or tries one again: nobody waits for its first token.
  public var isOfBatch: Bool { idempotencyKey?.hasPrefix(BatchMark.text) ?? false }
}
