import Foundation
import Learning
import Selection
import Serving

/// A history as MetaInf's protocol sees it: contexts of model, node and workload in which all five methods were measured.
struct ProtocolTable {
  /// What one context cannot share with a context that is left out: the weights, in whatever type; or the worker.
  enum LeftOut: String, CaseIterable {
    case model, node
  }

  /// One for each context; costs in the unit of the objective.
  private let contexts: [Context]
  let objective: Objective
  let modelCount: Int
  let familyCount: Int
  let nodes: [String]
  /// Contexts in which some but not all five were measured.
  let incompleteCount: Int
  /// Measurements of other configurations, and of jobs, whose shape nobody chose.
  let otherCount: Int

  /// Fewer are not the protocol.
  static let (leastModels, leastNodes) = (4, 3)

  private struct Context {
    var model: ModelProfile
    var hardware: HardwareProfile
    var workload: Workload
    var node: String
    var blocks: [Serving.Measurement]
    /// By method, in its best size.
    var configurations: [EngineConfiguration]
    /// By method.
    var costs: [Double]
    var hasFailed: [Bool]

    var family: String { model.variantGroup.isEmpty ? model.id.rawValue : model.variantGroup }
  }

  private struct Key: Hashable {
    var model: ModelID
    var node: String
    var shape: String
  }

  init(_ measurements: [Serving.Measurement], objective: Objective) {
    self.objective = objective
    var blocks: [Key: [Serving.Measurement]] = [:]
    var order: [Key] = []
    var others = 0
    for measurement in measurements {
      if case .job = measurement.source {
        others += 1
        continue
      }
      guard ProtocolMethod(measurement.configuration) != nil else {
        others += 1
        continue
      }
      let key = Key(
        model: measurement.model.id, node: Self.node(measurement), shape: measurement.workload.shape)
      if blocks[key] == nil { order.append(key) }
      blocks[key, default: []].append(measurement)
    }
    otherCount = others
    contexts = order.compactMap { Self.context(blocks[$0]!, objective) }
    incompleteCount = order.count - contexts.count
    modelCount = Set(contexts.map(\.model.id)).count
    familyCount = Set(contexts.map(\.family)).count
    nodes = Set(contexts.map(\.node)).sorted()
  }

  var contextCount: Int { contexts.count }
  var workloadCount: Int { Set(contexts.map(\.workload.shape)).count }

  /// What the protocol asks for and the history lacks; empty when it is met.
  var shortfalls: [String] {
    var lacks: [String] = []
    if modelCount < Self.leastModels { lacks.append("\(modelCount) models, the protocol has \(Self.leastModels)") }
    if nodes.count < Self.leastNodes { lacks.append("\(nodes.count) nodes, the protocol has \(Self.leastNodes)") }
    return lacks
  }

  /// The table to learn from, its groups being what is left out.
  func table(leaving leftOut: LeftOut) -> SelectionTable {
    let names = contexts.map { leftOut == .model ? $0.family : $0.node }
    let numbers = Dictionary(uniqueKeysWithValues: Set(names).sorted().enumerated().map { ($1, $0) })
    return SelectionTable(
      instances: FeatureMatrix(
        columns: Self.columns, values: contexts.flatMap(Self.features), rowCount: contexts.count),
      algorithms: FeatureMatrix(
        columns: ProtocolMethod.partNames, values: ProtocolMethod.allCases.flatMap(\.parts),
        rowCount: ProtocolMethod.allCases.count),
      algorithmNames: ProtocolMethod.allCases.map(\.rawValue),
      kind: .ratioToBest(isHigherBetter: objective.isMaximized), costs: contexts.flatMap(\.costs),
      isCensored: contexts.flatMap(\.hasFailed), groups: names.map { numbers[$0]! })
  }

  /// What the coordinator's own selector, trained on the measurements of some contexts, takes in others.
  ///
  /// - Returns: numbers of methods.
  /// - Throws: `badInput` when there is too little to train on.
  func coordinatorsChoices(training: [Int], test: [Int]) throws(ApusError) -> [Int] {
    let trained = try SelectorTrainer.train(training.flatMap { contexts[$0].blocks })
    return test.map { instance in
      let context = contexts[instance]
      return trained.model.choice(
        among: context.configurations, for: context.model, available: [context.model], on: context.hardware,
        context.workload, objective: objective)
    }
  }

  /// A worker's name says under what restriction it ran on its machine; the hardware alone does not.
  private static func node(_ measurement: Serving.Measurement) -> String {
    "\(measurement.worker) (\(measurement.hardware.coreCount) cores, \(measurement.hardware.processor))"
  }

  /// Nil unless all five methods were measured and one of them went well.
  private static func context(_ blocks: [Serving.Measurement], _ objective: Objective) -> Context? {
    var costs: [Double] = []
    var configurations: [EngineConfiguration] = []
    for method in ProtocolMethod.allCases {
      let own = blocks.filter { ProtocolMethod($0.configuration) == method }
      guard let some = own.first else { return nil }
      // A method with several sizes is as good as its best size; a size as its median.
      let sizes = Dictionary(grouping: own, by: \.configuration.fingerprint).sorted { $0.key < $1.key }.compactMap {
        size in median(size.value, objective).map { (median: $0, configuration: size.value[0].configuration) }
      }
      let best = sizes.min { objective.isMaximized ? $0.median > $1.median : $0.median < $1.median }
      costs.append(best?.median ?? .infinity)
      configurations.append(best?.configuration ?? some.configuration)
    }
    guard let first = blocks.first, costs.contains(where: \.isFinite) else { return nil }
    return Context(
      model: first.model, hardware: first.hardware, workload: first.workload, node: node(first),
      blocks: blocks, configurations: configurations,
      // A cost that is not known needs some number; it is marked.
      costs: costs.map { $0.isFinite ? $0 : 1 }, hasFailed: costs.map { !$0.isFinite })
  }

  /// Nil when most blocks failed.
  private static func median(_ blocks: [Serving.Measurement], _ objective: Objective) -> Double? {
    let values = blocks.compactMap { $0.outcome.metrics?.value(objective) }.filter { $0.isFinite && $0 > 0 }.sorted()
    guard 2 * values.count > blocks.count else { return nil }
    return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
  }

  private static let columns = [
    "parameters", "active_parameters", "layers", "hidden", "experts", "weight_bytes", "key_value_bytes", "cores",
    "memory_bandwidth", "gemm_rate", "prompt_tokens", "output_tokens", "concurrency", "shared_prefix", "repetitiveness",
    "arrival_rate",
  ]

  private static func features(_ context: Context) -> [Float] {
    let (model, hardware, workload) = (context.model, context.hardware, context.workload)
    let values: [Double] = [
      Double(model.parameterCount), Double(model.activeParameterCount), Double(model.layerCount),
      Double(model.hiddenSize), Double(model.expertCount), Double(model.weightBytes), model.keyValueBytesPerToken(),
      Double(hardware.coreCount), hardware.memoryBandwidth, hardware.gemmRate, workload.meanPromptTokens,
      workload.meanOutputTokens, Double(workload.concurrency), workload.sharedPrefixShare, workload.repetitiveness,
      workload.arrivalRate ?? 0,
    ]
    return values.map { Float($0) }
  }
}
