import Serving

/// Averages what a configuration did in the most similar workloads of the same model on the same hardware.
///
/// The oldest idea of algorithm selection (SUNNY, TPLP 2014, among others) and hard to beat with little data: a job is
/// mostly like the benchmark next to it.
struct NearestNeighboursSelector: Selector {
  static let kind = SelectorKind(
    name: "nearest-neighbours",
    summary:
      "The average gain in the most similar workloads measured with this model on this hardware.",
    make: { _, evidence in NearestNeighboursSelector(evidence) })

  static let neighbours = 3
  /// Farther workloads say nothing (see `WorkloadShape.distance`).
  static let farthest = 2.5
  /// How much a gain changes for each unit of distance, as a logarithm; and for no distance at all.
  static let driftByDistance = 0.2
  static let drift = 0.1
  /// Spread of gains before anything is known.
  static let priorVariance = 0.3 * 0.3

  private struct Group: Hashable {
    var model: Int32
    var hardware: Int32
  }

  private let evidence: EvidenceIndex
  private let workloads: [Group: [(shape: WorkloadShape, context: Int32)]]

  /// Nil without a single pair.
  init?(_ evidence: EvidenceIndex) {
    let paired = Set(evidence.exact.allCells.filter { $0.cell.pairs >= 0 }.map(\.context))
    guard !paired.isEmpty else { return nil }
    self.evidence = evidence
    var workloads: [Group: [(WorkloadShape, Int32)]] = [:]
    for (key, context) in evidence.exact.allContexts where paired.contains(context) {
      workloads[Group(model: key.model, hardware: key.hardware), default: []].append(
        (key.shape, context))
    }
    self.workloads = workloads
  }

  func foresee(_ table: ContextTable, _ metric: CostMetric, rows: [Int]) -> Foresight? {
    guard let place = evidence.place(model: table.model.id, hardware: table.hardware) else { return nil }
    // With the newest version of the engine, else with the first.
    let newest = evidence.nodes.place(nil, table.configurations[0].engine, hardware: place.hardware).home
    let current = workloads[Group(model: place.model, hardware: newest)]
    guard let known = current ?? workloads[Group(model: place.model, hardware: place.hardware)] else { return nil }
    let change = current == nil ? DirectEvidence.ratioChange : 0
    let shape = WorkloadShape(table.workload)
    // Contexts are numbered in the order they were first seen, which makes the choice among equals a fixed one.
    let nearest = known.map { (distance: $0.shape.distance(to: shape), context: $0.context) }
      .filter { $0.distance <= Self.farthest }
      .sorted { ($0.distance, $0.context) < ($1.distance, $1.context) }
      .prefix(Self.neighbours)
    guard !nearest.isEmpty else { return nil }
    return Foresight(
      level: LogEstimate(
        mean: table.estimates[0].logCost(metric), variance: RooflineSelector.levelVariance),
      ratios: rows.map { $0 == 0 ? .zero : ratio(table.configurations[$0], metric, nearest, change) },
      isInformed: true, source: "\(nearest.count) similar workloads measured here")
  }

  private func ratio(
    _ configuration: EngineConfiguration, _ metric: CostMetric,
    _ nearest: ArraySlice<(distance: Double, context: Int32)>, _ change: Double
  ) -> LogEstimate {
    var precision = 1 / Self.priorVariance
    var sum = 0.0
    guard let number = evidence.configuration(configuration) else {
      return LogEstimate(mean: 0, variance: 1 / precision)
    }
    for neighbour in nearest {
      guard let cell = evidence.exact.cell(neighbour.context, number),
        let pairs = evidence.exact.pairs(cell)
      else {
        continue
      }
      let mean = Double(pairs.mean[metric.rawValue])
      guard !mean.isNaN else { continue }
      let drift = Self.drift + Self.driftByDistance * neighbour.distance
      let weight = 1 / (evidence.pairNoise.varianceOfMean(pairs, metric) + drift * drift + change * change)
      precision += weight
      sum += weight * mean
    }
    return LogEstimate(mean: sum / precision, variance: 1 / precision)
  }
}
