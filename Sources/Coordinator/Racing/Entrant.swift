public import Selection
public import Serving

/// A candidate in a race, with what was believed of it before anything was measured there.
public struct Entrant: Hashable, Sendable {
  public var candidate: Candidate
  /// The logarithm of its speed-up over the default as the selector foresees it; above 0 is better. Nil when nobody
  /// said anything.
  public var foreseen: LogEstimate?

  public init(_ candidate: Candidate, foreseen: LogEstimate? = nil) {
    self.candidate = candidate
    self.foreseen = foreseen
  }
}

/// Who runs next, and how often.
public struct Heat: Hashable, Sendable {
  /// `screening` for first looks in short blocks, `paired` for repeats.
  public var purpose: TrialPurpose
  /// Without the default, which is in every heat. Most wanted first, so that a short budget takes the beginning.
  public var candidates: [Candidate]
  public var rounds: Int
}

/// What a race knows of one configuration.
public struct Standing: Hashable, Sendable {
  public var candidate: Candidate
  /// Logarithm of its speed-up over the default, from its pairs and from those of its relatives.
  public var belief: LogEstimate
  /// Pairs it ran; 0 for one that is only foreseen.
  public var pairCount: Int
}
