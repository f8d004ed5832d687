import Serving

extension [NodeModel] {
  /// Requests of a trace's mean lengths that the cluster ends per second with all places taken and nothing cached.
  public func capacity(for requests: [TraceRequest]) -> Double {
    guard !requests.isEmpty else { return 0 }
    let count = Double(requests.count)
    let prompt = requests.reduce(0.0) { $0 + Double($1.promptTokens) } / count
    let output = requests.reduce(0.0) { $0 + Double($1.outputTokens) } / count
    return reduce(0) { $0 + $1.capacity(promptTokens: prompt, outputTokens: output) }
  }

  /// A generated trace that takes the cluster to a load: its mean rate over the capacity, before any prompt is cached.
  public func trace(load: Double, _ generator: TraceGenerator) -> [TraceRequest] {
    var generator = generator
    // Lengths depend on how many conversations are open, and so on the rate: a short trace finds both.
    let requestCount = generator.requestCount
    generator.requestCount = Swift.min(requestCount, 4000)
    for _ in 0..<3 { generator.rate = load * capacity(for: generator.requests()) }
    generator.requestCount = requestCount
    return generator.requests().paced(load: load, on: self)
  }
}

extension [TraceRequest] {
  /// With the arrivals moved so that they make this load; the pattern stays.
  public func paced(load: Double, on nodes: [NodeModel]) -> [TraceRequest] {
    guard let last, last.seconds > 0, count > 1 else { return self }
    let rate = Double(count - 1) / last.seconds
    let factor = rate / (load * nodes.capacity(for: self))
    return map { request in
      var request = request
      request.seconds *= factor
      return request
    }
  }
}
