import Serving

/// What GuideLLM saves as benchmarks.json: one benchmark for each strategy of sending requests. Nothing of the server's
/// engine, settings or hardware is in it.
///
/// Its inter-token latency is a mean within each request, so only the mean of all gaps can be told from it; its "time per
/// output token" counts the first token, which TPOT here does not. Where all outputs are equally long the two means are one.
struct GuideLLM: MeasurementImporter {
  let name = "guidellm"
  let summary = "GuideLLM's benchmarks.json (fields as in GuideLLM 0.5, the same since 0.4)"

  func recognizes(_ beginning: String) -> Bool {
    beginning.first { !$0.isWhitespace } == "{"
      && ["\"benchmarks\"", "\"scheduler_state\"", "\"strategy\""].allSatisfy { beginning.contains($0) }
      || beginning.contains("\"generative_benchmark\"")
  }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    let bytes = try ImportFile.whole(path)
    let foreign = ForeignMeasurement(name, path: path, facts)
    let asked = try? JSONTree(bytes)
    let model = asked?["args", "model"]?.text
    return ImportRows<ArraySlice<UInt8>>(
      JSONObjects.find(in: bytes, within: "{[").map { ($0.line, .success($0.bytes)) }
    ) { object throws(RowFault) in
      try Self.measurement(try JSONTree(object), String(decoding: object, as: UTF8.self), model, foreign)
    }
  }

  private static func measurement(
    _ benchmark: JSONTree, _ text: String, _ asked: String?, _ foreign: ForeignMeasurement
  ) throws(RowFault) -> Measurement {
    guard let model = benchmark["config", "backend", "model"]?.text ?? asked ?? foreign.facts.model?.name else {
      throw RowFault("config.backend.model is missing: state the model with --model")
    }
    var warnings: [String] = []
    let requests = try benchmark.count("metrics", "request_totals", "successful")
    let cut = try benchmark.count("metrics", "request_totals", "incomplete")
    if cut > 0 { warnings.append("\(cut) requests were cut off at the end and are not counted") }
    let (from, to) = (try benchmark.figure("start_time"), try benchmark.figure("end_time"))
    guard to > from else { throw RowFault("end_time is not after start_time") }
    let gaps = try successes(benchmark, "inter_token_latency_ms")
    let outputs = try successes(benchmark, "output_token_count")
    let hasEqualOutputs = outputs["min"]?.number == outputs["max"]?.number
    return foreign.measurement(
      fingerprint: text, model: .named(model), hardware: nil,
      workload: try workload(benchmark, requests: requests, outputs, &warnings), engine: nil, engineVersion: nil,
      configuration: [.sourceConfiguration: .text(foreign.file)], fidelity: .approximate,
      startedAtMS: Int64(from * 1000),
      metrics: .foreign(
        requestCount: requests, failedRequestCount: try benchmark.count("metrics", "request_totals", "errored"),
        promptTokenCount: Int(try successes(benchmark, "prompt_token_count").figure("total_sum").rounded()),
        outputTokenCount: Int(try outputs.figure("total_sum").rounded()), wallSeconds: to - from,
        ttft: try latency(successes(benchmark, "time_to_first_token_ms")),
        itl: .known(meanMS: try gaps.figure("mean")), tpot: hasEqualOutputs ? try latency(gaps) : .known(),
        e2e: try latency(successes(benchmark, "request_latency"), scale: 1e3)),
      warnings: warnings)
  }

  private static func successes(_ benchmark: JSONTree, _ metric: String) throws(RowFault) -> JSONTree {
    guard let found = benchmark["metrics", metric, "successful"] else {
      throw RowFault("metrics.\(metric).successful is missing")
    }
    return found
  }

  private static func latency(_ summary: JSONTree, scale: Double = 1) throws(RowFault) -> LatencySummary {
    .known(
      meanMS: try scale * summary.figure("mean"), p50MS: try scale * summary.figure("percentiles", "p50"),
      p90MS: try scale * summary.figure("percentiles", "p90"), p99MS: try scale * summary.figure("percentiles", "p99"))
  }

  private static func workload(
    _ benchmark: JSONTree, requests: Int, _ outputs: JSONTree, _ warnings: inout [String]
  ) throws(RowFault) -> Workload {
    func lengths(_ summary: JSONTree) throws(RowFault) -> ClosedRange<Int> {
      let (least, most) = (try summary.figure("min"), try summary.figure("max"))
      guard least <= most, most < 1e9 else { throw RowFault("token counts go from \(least) to \(most)") }
      return Int(least)...Int(most)
    }
    var (concurrency, rate): (Int, Double?) = (1, nil)
    let kind = benchmark["config", "strategy", "type_"]?.text ?? "missing"
    switch kind {
    case "synchronous": break
    case "concurrent": concurrency = try benchmark.count("config", "strategy", "streams", atLeast: 1)
    case "throughput":
      if benchmark["config", "strategy", "max_concurrency"] == nil {
        concurrency = max(1, Int(try successes(benchmark, "request_concurrency").figure("max")))
        warnings.append("as many requests as went at once: the most seen in flight was \(concurrency)")
      } else {
        concurrency = try benchmark.count("config", "strategy", "max_concurrency", atLeast: 1)
      }
    case "constant", "poisson":
      rate = try benchmark.figure("config", "strategy", "rate")
      guard rate ?? 0 > 0 else { throw RowFault("config.strategy.rate is 0") }
      if kind == "constant" { warnings.append("requests arrived evenly, not as a Poisson process") }
    default: throw RowFault("config.strategy.type_ is \(kind.prefix(40)), which is no strategy known here")
    }
    return Workload(
      name: "imported", promptTokens: try lengths(successes(benchmark, "prompt_token_count")),
      outputTokens: try lengths(outputs), concurrency: concurrency, arrivalRate: rate, requestCount: max(1, requests))
  }
}
