/// The default selector behind a short schedule: a few algorithms run briefly, one after the other, before features are
/// read and a choice is made (SATzilla's pre-solvers; ASAP's pre-schedule: Gonard, Schoenauer, Sebag, 2017).
///
/// Only for costs that are run times of runs that can be cut short. The schedule is grown greedily on the training
/// instances, against what the default would have cost there out of fold, and kept only as long as it pays.
struct PreSolvingSchedule: TableSelector {
  let name = "schedule"
  let summary = "the default behind short runs of a few algorithms (run times only)"

  private static let mostProbes = 3
  /// Lengths that are tried, as shares of the cutoff.
  private static let shares = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
  /// A probe must lower the mean loss by this share: less is chance.
  private static let leastGain = 0.005

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let (model, unprobed) = FlooredEnsemble.validated(table, context)
    guard case .runTime(let cutoff, _) = table.kind, table.isComplete, !unprobed.contains(nil), !unprobed.isEmpty else {
      return model
    }
    var plans = unprobed.compactMap { $0 }
    var probes: [SelectionPlan.Probe] = []
    var best = Self.meanLoss(plans, table)
    while probes.count < Self.mostProbes {
      var found: (probe: SelectionPlan.Probe, loss: Double)?
      for algorithm in 0..<table.algorithmCount {
        for share in Self.shares {
          let probe = SelectionPlan.Probe(algorithm: algorithm, seconds: share * cutoff)
          let loss = Self.meanLoss(plans.map { Self.adding(probe, to: $0) }, table)
          if loss < found?.loss ?? .infinity { found = (probe, loss) }
        }
      }
      guard let found, found.loss < (1 - Self.leastGain) * best else { break }
      probes.append(found.probe)
      plans = plans.map { Self.adding(found.probe, to: $0) }
      best = found.loss
    }
    return Model(base: model, probes: probes)
  }

  private static func adding(_ probe: SelectionPlan.Probe, to plan: SelectionPlan) -> SelectionPlan {
    var longer = plan
    longer.probes.append(probe)
    return longer
  }

  private static func meanLoss(_ plans: [SelectionPlan], _ table: SelectionTable) -> Double {
    plans.indices.reduce(0.0) { $0 + table.loss(of: plans[$1], on: $1) } / Double(max(1, plans.count))
  }

  private struct Model: TableModel {
    let base: any TableModel
    let probes: [SelectionPlan.Probe]
    var readsFeatures: Bool { base.readsFeatures }

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      base.scores(of: instance, among: candidates)
    }

    func plan(for instance: ArraySlice<Float>, among candidates: [Int]) -> SelectionPlan {
      var plan = base.plan(for: instance, among: candidates)
      plan.probes = probes.filter { candidates.contains($0.algorithm) }
      return plan
    }
  }
}
