import ExpertPlacement
import Foundation
import Serving

/// A plan as it is kept: JSON, with the load it was made for, so that drift can be told later.
struct PlacementPlanFile: Codable {
  struct Host: Codable {
    var name: String
    /// Expert copies of each layer that it has memory for.
    var slots: Int
  }

  struct Copy: Codable {
    var host: Int
    var weight: Double
  }

  /// One of both.
  struct Layer: Codable {
    /// `[expert]`: its copies.
    var experts: [[Copy]]?
    /// `[host]`: the part of all experts that it has.
    var fractions: [Double]?
  }

  static let formatName = "apus-placement"

  var format = Self.formatName
  var version = 1
  var strategy: String
  var hosts: [Host]
  var experts: Int
  var dispatch: String
  var layers: [Layer]
  /// `[layer][expert]`: what it was planned for.
  var load: [[Double]]

  init(_ plan: PlacementPlan, strategy: String, for problem: PlacementProblem) {
    self.strategy = strategy
    hosts = problem.cluster.hosts.map { Host(name: $0.name, slots: $0.slotCount) }
    experts = plan.expertCount
    dispatch = plan.dispatch.rawValue
    layers = plan.layers.map { layer in
      switch layer {
      case .hosted(let experts):
        Layer(experts: experts.map { $0.map { Copy(host: $0.host, weight: $0.weight) } }, fractions: nil)
      case .sharded(let fractions): Layer(experts: nil, fractions: fractions)
      }
    }
    load = (0..<problem.load.layerCount).map { Array(problem.load.layer($0)) }
  }

  // MARK: Files

  /// - Throws: `badInput` for what is no plan.
  static func read(path: String) throws(ApusError) -> PlacementPlanFile {
    let data = Data(try InputFile.bytes(path))
    let file: PlacementPlanFile
    do {
      file = try JSONDecoder().decode(PlacementPlanFile.self, from: data)
    } catch {
      throw ApusError(
        .badInput, "\(path) is not a plan: \(InputFile.reason(error))",
        advice: "write one with apus placement plan --output FILE")
    }
    guard file.format == formatName, file.version == 1 else {
      throw ApusError(
        .badInput, "\(path) is \(file.format) version \(file.version), not \(formatName) version 1",
        advice: "write it anew with apus placement plan --output FILE")
    }
    return file
  }

  func write(path: String) throws(ApusError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      throw ApusError(.badInput, "the plan holds a number that JSON cannot say", advice: "check the load's numbers")
    }
    let file = try OutputFile(path)
    try file.write([UInt8](data))
    try file.commit()
  }

  // MARK: What it says

  /// The hosts it was made for, of which only names and memory are kept.
  func cluster() throws(ApusError) -> PlacementCluster {
    try PlacementCluster(hosts: hosts.map { PlacementHost(name: $0.name, slotCount: $0.slots) })
  }

  func plannedLoad() throws(ApusError) -> ExpertLoad { try ExpertLoad(load) }

  /// - Throws: `badInput` for a plan that no host could follow.
  func plan() throws(ApusError) -> PlacementPlan {
    guard let dispatch = ReplicaDispatch(rawValue: dispatch) else {
      throw ApusError(.badInput, "the plan's dispatch \(self.dispatch) is not known", advice: "split or locality")
    }
    let plannedLoad = try plannedLoad()
    guard plannedLoad.layerCount == layers.count, plannedLoad.expertCount == experts else {
      throw ApusError(
        .badInput,
        "the plan has \(layers.count) layers x \(experts) experts, its load \(plannedLoad.layerCount) x \(plannedLoad.expertCount)"
      )
    }
    var placements: [LayerPlacement] = []
    for (number, layer) in layers.enumerated() {
      switch (layer.experts, layer.fractions) {
      case (let experts?, nil):
        placements.append(.hosted(experts.map { $0.map { HostShare(host: $0.host, weight: $0.weight) } }))
      case (nil, let fractions?): placements.append(.sharded(fractions))
      default:
        throw ApusError(.badInput, "layer \(number) of the plan needs either experts or fractions")
      }
    }
    let plan = PlacementPlan(hostCount: hosts.count, expertCount: experts, layers: placements, dispatch: dispatch)
    try plan.validate(for: try cluster())
    return plan
  }
}
