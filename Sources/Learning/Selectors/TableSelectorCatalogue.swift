/// Every selector there is. A new one is a file in this folder and a line here.
public enum TableSelectorCatalogue {
  public static let all: [any TableSelector] = [
    SingleBest(), GreedyPortfolio(), NearestInstances(), InstanceClusters(), MatrixFactorization(),
    NeuralFactorization(),
    PerAlgorithmForest(), MultiOutputForest(), ExpectedCostForest(), PairwiseForest(), SurvivalForest(), JointForest(),
    BoostedTrees(), BestRule(), plainBlend, PreSolvingSchedule(), defaultSelector,
  ]

  /// What is used unless another is asked for.
  public static let defaultSelector: any TableSelector = FlooredEnsemble()

  /// The textbook blend without any choice of ours: multi-output forest, expected-cost forest, pairwise forest. What a
  /// better default has to beat.
  static let plainBlend = Ensemble(
    name: "plain-blend", summary: "mean of the multi-output, expected-cost and pairwise forests",
    members: [MultiOutputForest(), ExpectedCostForest(), PairwiseForest()])
}
