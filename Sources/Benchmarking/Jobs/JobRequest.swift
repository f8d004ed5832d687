public import Serving

/// One user's request, and how much of its answer the user has already.
public struct JobRequest: Hashable, Sendable {
  public var job: JobID
  public var spec: JobSpec
  public var candidate: Candidate
  /// Tokens the user has seen, from a worker that was lost: the answer goes on after them. One that an engine did not
  /// name is `TokenArrival.unknownToken`.
  public var generatedTokenIDs: [Int32]
  /// The text of those tokens.
  public var generatedText: String

  public init(
    job: JobID, spec: JobSpec, candidate: Candidate, generatedTokenIDs: [Int32] = [], generatedText: String = ""
  ) {
    self.job = job
    self.spec = spec
    self.candidate = candidate
    self.generatedTokenIDs = generatedTokenIDs
    self.generatedText = generatedText
  }

  /// Tokens still to be generated; 0 when the user has all of them.
  public var remainingTokens: Int { max(0, spec.maxTokens - generatedTokenIDs.count) }
}
