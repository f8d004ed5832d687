/// What one run of a job gave.
public struct JobAnswer: Hashable, Sendable {
  public var measurement: Measurement
  /// The whole text, the part from an earlier run included; of a run that failed, the text so far.
  public var output: String
  /// Nil where the engine did not come to an end of its own.
  public var finishReason: FinishReason?
  /// What the answer calls; of a run that failed, as far as it came.
  public var toolCalls: [ToolCall]

  public init(
    measurement: Measurement, output: String, finishReason: FinishReason? = nil, toolCalls: [ToolCall] = []
  ) {
    self.measurement = measurement
    self.output = output
    self.finishReason = finishReason
    self.toolCalls = toolCalls
  }
}
