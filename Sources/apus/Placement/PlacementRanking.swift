import ExpertPlacement
import PlacementSelection
import Serving
import XGBoost

/// All strategies on one problem, best first.
struct PlacementRanking {
  let planned: [PlannedPlacement]
  /// Milliseconds of a layer that are expected of each, in the order of `planned`: the cost model and what was learned over
  /// it; nil where hosts or model are not known.
  let expectedMS: [Double?]
  /// Strategies that need more than the problem has, and what.
  let refused: [(strategy: String, reason: String)]
  /// Problems that the expectations were learned from; 0 for the cost model alone.
  let learnedProblemCount: Int
  /// The strategies to measure for a few batches before one is used; the others are too far behind.
  let toRace: [String]
  /// Nil where nothing is in use, or no time is known.
  let replacement: Replacement?
  /// Why the plan in use no longer fits; nil while it does.
  let driftReason: String?

  /// What it means to leave the plan in use for the best other one.
  struct Replacement {
    var strategy: String
    var move: PlacementMove
    /// For a batch over all layers.
    var savingMS: Double
    var decision: PlacementDecision
  }

  /// - Parameters:
  ///   - current: the plan in use with the load it was made for.
  ///   - remaining: batches that are left to compute.
  init(
    _ problem: PlacementProblem, strategies: [any PlacementStrategy], selector: PlacementSelector,
    plannedLoad: ExpertLoad?, remaining: Double
  ) throws(ApusError) {
    let (planned, refused) = PlannedPlacement.all(strategies, problem)
    self.refused = refused
    learnedProblemCount = selector.residual?.problemCount ?? 0
    driftReason = problem.current.flatMap { current in
      plannedLoad.flatMap {
        LoadDrift(current, planned: $0, observed: problem.load, cluster: problem.cluster).reason
      }
    }
    let features = planned.map { PlanFeatures($0.plan, for: problem) }
    guard !planned.isEmpty, !features.contains(nil) else {
      self.planned = planned.sorted { $0.forecast.balancedness.mean > $1.forecast.balancedness.mean }
      expectedMS = planned.map { _ in nil }
      toRace = []
      replacement = nil
      return
    }
    let seconds = try Self.seconds(features.compactMap { $0 }, selector)
    let order = seconds.indices.sorted { (seconds[$0], $0) < (seconds[$1], $1) }
    self.planned = order.map { planned[$0] }
    expectedMS = order.map { seconds[$0] * 1e3 }
    toRace = selector.race(seconds, planned.map(\.plan)).entrants.map { planned[$0].strategy }
    replacement = Self.replacement(planned, seconds, problem, remaining: remaining)
  }

  private static func seconds(
    _ features: [PlanFeatures], _ selector: PlacementSelector
  ) throws(ApusError) -> [Double] {
    do {
      return try selector.seconds(features)
    } catch {
      throw ApusError(.bug, "the learned part gave no times: \(error)")
    }
  }

  private static func replacement(
    _ planned: [PlannedPlacement], _ seconds: [Double], _ problem: PlacementProblem, remaining: Double
  ) -> Replacement? {
    guard let current = problem.current, let geometry = problem.geometry,
      let kept = planned.firstIndex(where: { $0.strategy == "keep" }),
      let best = planned.indices.filter({ $0 != kept }).min(by: { seconds[$0] < seconds[$1] })
    else { return nil }
    let saving = (seconds[kept] - seconds[best]) * Double(problem.load.layerCount)
    let move = PlacementMove(from: current, to: planned[best].plan, cluster: problem.cluster, geometry: geometry)
    return Replacement(
      strategy: planned[best].strategy, move: move, savingMS: saving * 1e3,
      decision: PlacementDecision(move, saving: saving, remaining: remaining))
  }

  /// The one to use by all that is known: the plan in use unless leaving it pays.
  var recommended: PlannedPlacement? {
    if case .keep? = replacement?.decision { return planned.first { $0.strategy == "keep" } }
    return planned.first
  }

  /// What no placement, and no router either, can beat; nil where hosts or model are not known.
  var bounds: PlacementBounds? { planned.first?.forecast.bounds }

  var recommendedExpectedMS: Double? {
    recommended.flatMap { chosen in
      planned.firstIndex { $0.strategy == chosen.strategy }.flatMap { expectedMS[$0] }
    }
  }
}
