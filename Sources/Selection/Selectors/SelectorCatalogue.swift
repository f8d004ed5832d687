/// The selectors Apus knows. To add one, write one file in Selectors/ and one line here.
public enum SelectorCatalogue {
  /// In the order of trust: the first that can be made and has an answer is used.
  public static let all: [SelectorKind] = [
    BoostedTreesSelector.kind,
    NearestNeighboursSelector.kind,
    PortfolioSelector.kind,
    RooflineSelector.kind,
  ]
}

/// A selector's name and how to make one.
public struct SelectorKind: Sendable {
  public let name: String
  /// One sentence.
  public let summary: String
  /// Nil when what it needs is not there: a trained model, or evidence.
  public let make: @Sendable (SelectorModel?, EvidenceIndex) -> (any Selector)?
}
