/// By how much one way to choose costs less than another on the same instances, and how far chance could move that.
struct PairedGain: Hashable, Sendable {
  /// Mean loss of the other way minus that of this one; above 0 when this one is better.
  var mean: Double
  /// Of the mean, from the spread over the instances; infinite with less than two.
  ///
  /// Instances of one group go wrong together, so it is rather too small; but a handful of groups cannot tell their own
  /// spread (Cameron, Gelbach and Miller, 2008), and an estimate from them is often far off.
  var standardError: Double

  init(mean: Double, standardError: Double) {
    self.mean = mean
    self.standardError = standardError
  }

  /// - Parameters:
  ///   - plans: what this way does with each instance of the table, nil for one that does not count.
  ///   - others: what the other does; nil for the same instances.
  init(of plans: [SelectionPlan?], over others: [SelectionPlan?], on table: SelectionTable) {
    let gains = plans.indices.compactMap { instance -> Double? in
      guard let own = plans[instance], let other = others[instance] else { return nil }
      return table.loss(of: other, on: instance) - table.loss(of: own, on: instance)
    }
    let count = Double(max(1, gains.count))
    let mean = gains.reduce(0, +) / count
    let squares = gains.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.mean = mean
    standardError = gains.count < 2 ? .infinity : (squares / (count - 1) / count).squareRoot()
  }
}
