/// What the last run of a job took, for whoever asked for it; its whole measurement is in the history.
public struct JobFigures: Hashable, Sendable {
  /// Tokens of the prompt as the engine counts them.
  public var promptTokenCount: Int
  /// Of the prompt, those that the engine found in its cache; nil where it does not say.
  public var cachedTokenCount: Int?
  /// Tokens of the answer.
  public var outputTokenCount: Int
  /// From the sending to the engine to the first token, in milliseconds. Nil where the tokens came all at once (`Metrics.cameAtOnce`).
  public var ttftMS: Double?
  /// Between tokens, in the mean, in milliseconds. Nil there, too, and for a single token.
  public var tpotMS: Double?
  /// From the sending to the engine to the last token, in milliseconds.
  public var e2eMS: Double

  public init(
    promptTokenCount: Int, cachedTokenCount: Int? = nil, outputTokenCount: Int, ttftMS: Double?, tpotMS: Double?,
    e2eMS: Double
  ) {
    self.promptTokenCount = promptTokenCount
    self.cachedTokenCount = cachedTokenCount
    self.outputTokenCount = outputTokenCount
    self.ttftMS = ttftMS
    self.tpotMS = tpotMS
    self.e2eMS = e2eMS
  }

  /// Nil for a run that was not completed.
  public init?(_ measurement: Measurement) {
    guard let metrics = measurement.outcome.metrics else { return nil }
    self.init(
      promptTokenCount: metrics.promptTokenCount, cachedTokenCount: measurement.samples.first?.cachedTokenCount,
      outputTokenCount: metrics.outputTokenCount, ttftMS: metrics.cameAtOnce ? nil : metrics.ttft.meanMS,
      tpotMS: metrics.cameAtOnce || metrics.tpot.meanMS == 0 ? nil : metrics.tpot.meanMS, e2eMS: metrics.e2e.meanMS)
  }
}
