/// How a forest grows.
struct ForestSettings: Hashable, Sendable {
  var treeCount = 100
  /// Share of the columns tried at each split, at least one; columns that are constant in the node do not count.
  var columnShare = 1.0 / 3
  /// Fewest rows in a leaf, from 1.
  var leastLeafRows = 1
  /// Each tree gets a sample of the rows with replacement (Breiman, 2001); otherwise all rows.
  var isBootstrapped = true
  /// One random cut for each tried column rather than the best one (Geurts, Ernst, Wehenkel: Extremely randomized trees,
  /// 2006). Cuts are drawn among the bins, that is among quantiles: features with long tails need no logarithm.
  var hasRandomCuts = false
  /// Deepest level of a leaf; the root is level 0.
  var mostDepth = 64
}
