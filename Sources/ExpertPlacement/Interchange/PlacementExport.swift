public import Serving

/// One engine's own way to be told where experts are. The seam: one file for each in Interchange/, all in
/// `PlacementExports.all`.
public protocol PlacementExport: Sendable {
  /// As on the command line.
  var name: String { get }
  /// One line for people: for which version it is, and where the engine takes it.
  var summary: String { get }

  /// What goes into the engine's file or on its command line, without a newline at the end.
  ///
  /// - Parameters:
  ///   - plan: valid for `cluster`.
  ///   - firstLayer: number that the model gives the plan's first layer: models often begin with layers without experts.
  /// - Throws: `badInput` when the engine cannot be told this plan, and why.
  func text(of plan: PlacementPlan, for cluster: PlacementCluster, firstLayer: Int) throws(ApusError) -> String
}

/// Every export. A new one is a file in Interchange/ and a line here.
public enum PlacementExports {
  public static let all: [any PlacementExport] = [
    SGLangExport(), TensorRTLLMExport(), VLLMExport(), EPLBExport(), LlamaCppExport(),
  ]

  /// - Throws: `badInput` naming those there are.
  public static func named(_ name: String) throws(ApusError) -> any PlacementExport {
    if let export = all.first(where: { $0.name == name }) { return export }
    throw ApusError(
      .badInput, "there is no export format \(name)", advice: "one of " + all.map(\.name).joined(separator: ", "))
  }
}
