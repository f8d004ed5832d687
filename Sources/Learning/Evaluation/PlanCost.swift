extension SelectionTable {
  /// What a plan costs on an instance: probes, features if they were read, then the choice to its end. A run-time plan
  /// that is not done at the cutoff pays the penalty.
  ///
  /// - Precondition: every algorithm of the plan was tried on the instance.
  public func loss(of plan: SelectionPlan, on instance: Int) -> Double {
    guard case .runTime(let cutoff, let penalty) = kind else { return loss(instance, plan.choice) }
    var spent = 0.0
    for probe in plan.probes {
      if let seconds = solved(instance, probe.algorithm), seconds <= probe.seconds {
        return spent + seconds <= cutoff ? spent + seconds : penalty * cutoff
      }
      spent += probe.seconds
    }
    if plan.readsFeatures { spent += featureCosts[instance] }
    guard let seconds = solved(instance, plan.choice), spent + seconds <= cutoff else { return penalty * cutoff }
    return spent + seconds
  }

  /// Seconds until an algorithm solves an instance; nil when it does not within the cutoff.
  func solved(_ instance: Int, _ algorithm: Int) -> Double? {
    let cell = instance * algorithmCount + algorithm
    precondition(!costs[cell].isNaN, "algorithm \(algorithm) was never tried on instance \(instance)")
    guard case .runTime(let cutoff, _) = kind, !isCensored[cell], costs[cell] <= cutoff else { return nil }
    return max(costs[cell], 0)
  }
}
