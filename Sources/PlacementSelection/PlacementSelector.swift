public import ExpertPlacement
import Glibc
public import Serving
public import XGBoost

/// How long plans are expected to take: the cost model, and what was learned over it.
public struct PlacementSelector: Sendable {
  /// Nil without a history that is large enough.
  public let residual: PlacementResidual?

  public init(residual: PlacementResidual?) { self.residual = residual }

  /// The one way from what was measured to what is expected: of `recommend`, of a benchmark here and of a hub's.
  ///
  /// - Throws: `bug` for what the library refuses.
  public init(learningFrom trials: [PlacementTrial]) throws(ApusError) {
    do {
      residual = try PlacementResidual.learned(from: trials)
    } catch {
      throw ApusError(.bug, "cannot learn from \(trials.count) measured placements: \(error)")
    }
  }

  /// Seconds of a layer for each plan of one problem.
  public func seconds(_ plans: [PlanFeatures]) throws(XGBoostError) -> [Double] {
    guard let residual else { return plans.map(\.analyticSeconds) }
    return zip(plans, try residual.logRatios(plans)).map { $0.analyticSeconds * exp($1) }
  }

  /// The race of the plans that are expected to be fastest.
  ///
  /// - Parameters:
  ///   - seconds: as `seconds` gave them.
  ///   - plans: in the same order.
  public func race(_ seconds: [Double], _ plans: [PlacementPlan]) -> PlacementRace {
    PlacementRace(expecting: seconds, spread: residual?.spread ?? PlacementRace.analyticSpread) { a, b in
      plans[a].layers == plans[b].layers && plans[a].dispatch == plans[b].dispatch
    }
  }
}
