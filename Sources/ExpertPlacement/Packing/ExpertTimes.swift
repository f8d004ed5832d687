/// What an expert's tokens and its mere use take on each host, for one layer and batch.
struct ExpertTimes {
  /// Expected tokens of a batch for each expert; the load itself where nothing more is known.
  let tokens: [Double]
  /// `[host]`: for a token; and, however many tokens come, for reading an expert's weights.
  let secondsPerToken: [Double]
  let fixed: [Double]

  init(_ problem: PlacementProblem, layer: Int) {
    let load = problem.load.layer(layer)
    let total = load.reduce(0, +)
    guard let model = PlacementCostModel(cluster: problem.cluster, geometry: problem.geometry), let topK = problem.topK,
      total > 0
    else {
      tokens = Array(load)
      secondsPerToken = problem.cluster.relativeSeconds
      fixed = [Double](repeating: 0, count: problem.cluster.hostCount)
      return
    }
    tokens = load.map { Double(problem.batchTokens * topK) * $0 / total }
    secondsPerToken = problem.cluster.hosts.map {
      model.geometry.operationsPerToken / $0.speed!.operationsPerSecond + model.geometry.rowBytes
        / $0.link.bytesPerSecond
    }
    fixed = problem.cluster.hosts.map {
      model.geometry.expertBytes / $0.speed!.memoryBytesPerSecond + PlacementCostModel.expertSeconds
    }
  }

  /// Seconds of one expert on a host: the longer of computing so many tokens and of reading the weights; 0 without tokens.
  func seconds(_ tokens: Double, on host: Int) -> Double {
    max(tokens * secondsPerToken[host], tokens > 0 ? fixed[host] : 0)
  }
}
