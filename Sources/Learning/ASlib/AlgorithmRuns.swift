/// `algorithm_runs.arff`: what each algorithm cost on each instance.
struct AlgorithmRuns: Sendable {
  let algorithms: [String]
  /// `costs[instance * algorithms.count + algorithm]`, NaN when there is no run.
  let costs: [Double]
  /// No run of the pair ended `ok` within the cutoff.
  let isCensored: [Bool]

  private static let mostAlgorithms = 5000

  /// - Parameter instances: the place of each instance; runs of others are left out.
  init(_ file: ARFFFile, description: ScenarioDescription, instances: [String: Int]) throws(LearningError) {
    let instance = try file.column("instance_id")
    let algorithm = try file.column("algorithm")
    let status = try file.column("runstatus")
    let measure = try file.column(description.measure)
    var places: [String: Int] = [:]
    var samples: [Pair: [Double]] = [:]
    var failures: [Pair: Double] = [:]
    for row in file.rows {
      let name = try file.text(row, algorithm)
      let place = places[name] ?? places.count
      places[name] = place
      guard places.count <= Self.mostAlgorithms else {
        throw file.fault("more than \(Self.mostAlgorithms) algorithms", row.line)
      }
      guard let instance = instances[try file.text(row, instance)] else { continue }
      let pair = Pair(instance: instance, algorithm: place)
      let value = try file.number(row, measure)
      let isDone = try file.text(row, status).lowercased() == "ok"
      let cutoff = description.isRunTime ? description.cutoffSeconds! : .infinity
      if isDone, value.isNaN { throw file.fault("a run that is ok has no `\(description.measure)`", row.line) }
      if description.isRunTime, value < 0 { throw file.fault("a run time of \(value)", row.line) }
      if isDone, value <= cutoff {
        samples[pair, default: []].append(value)
      } else {
        failures[pair] = min(value.isNaN ? cutoff : value, cutoff)
      }
    }
    let names = places.sorted { $0.value < $1.value }.map(\.key)
    let count = names.count
    guard count > 0 else { throw LearningError("no runs", file: file.path) }
    var costs = [Double](repeating: .nan, count: instances.count * count)
    var isCensored = [Bool](repeating: false, count: costs.count)
    for (pair, cost) in failures where samples[pair] == nil {
      costs[pair.instance * count + pair.algorithm] = cost.isFinite ? cost : 0
      isCensored[pair.instance * count + pair.algorithm] = true
    }
    for (pair, values) in samples {
      costs[pair.instance * count + pair.algorithm] = ASlibScenario.median(values)!
    }
    (algorithms, self.costs, self.isCensored) = (names, costs, isCensored)
  }

  private struct Pair: Hashable {
    var instance: Int
    var algorithm: Int
  }
}
