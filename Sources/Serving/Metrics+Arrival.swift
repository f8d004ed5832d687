extension Metrics {
  /// Milliseconds for a token below which a stream was read at once: no engine writes so fast, but a reader that had no
  /// processor for a while finds all tokens there.
  public static let leastTokenMS = 0.05

  /// Whether the tokens came all at once. Then the whole took as long as was measured, and nobody saw when the first one
  /// was there: TTFT and TPOT are not known.
  public var cameAtOnce: Bool { requestCount > 0 && outputTokenCount > requestCount && tpot.meanMS < Self.leastTokenMS }
}
