public import ExpertPlacement
import Glibc
public import XGBoost

/// How long plans are expected to take: the cost model, and what was learned over it.
public struct PlacementSelector: Sendable {
  /// Nil without a history that is large enough.
  public let residual: PlacementResidual?

  public init(residual: PlacementResidual?) { self.residual = residual }

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
