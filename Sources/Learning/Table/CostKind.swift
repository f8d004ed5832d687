/// What the costs of a table are, and so what it means to choose well.
public enum CostKind: Hashable, Sendable {
  /// Seconds until done, cut at `cutoff`; a run that did not finish counts `penalty` times the cutoff (PAR10 has 10).
  case runTime(cutoff: Double, penalty: Double = 10)
  /// Any number, lower is better, such as an error rate.
  case lowest
  /// Any number, higher is better, such as an accuracy.
  case highest
  /// Positive numbers of which only the ratio to the best of the same instance counts: latency (lower is better) or
  /// throughput. The scales of the instances may differ by orders of magnitude.
  case ratioToBest(isHigherBetter: Bool)
}
