/// What the last run of a job took, for whoever asked for it; its whole measurement is in the history.
public struct JobFigures: Hashable, Sendable {
  public var promptTokenCount: Int
  /// Of the prompt, as far as the engine said.
  public var cachedTokenCount: Int?
  public var outputTokenCount: Int
  /// Nil where the tokens came all at once (`Metrics.cameAtOnce`).
  public var ttftMS: Double?
  /// Nil there, too, and for a single token.
  public var tpotMS: Double?
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
