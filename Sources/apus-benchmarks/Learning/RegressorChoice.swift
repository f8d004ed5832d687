import ArgumentParser
import Learning
import Selection

/// What the coordinator's selector learns with, as an option.
enum RegressorChoice: String, CaseIterable, ExpressibleByArgument {
  /// What a coordinator uses.
  case served
  case boosted, forest, both

  var members: [BlendedRegressor.Member] {
    switch self {
    case .served: SelectorTrainer.members
    case .boosted: [.boosted]
    case .forest: [.forest]
    case .both: BlendedRegressor.Member.allCases
    }
  }

  /// For a report.
  var sentence: String { "the selector learns with " + members.map(\.rawValue).joined(separator: " and ") }
}
