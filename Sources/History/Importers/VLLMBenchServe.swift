import Foundation
import Serving

/// What `vllm bench serve --save-result` (or `--append-result`) writes: one object for each run, requests counted from
/// outside. It says how it asked and what came back, nothing of the server: neither its settings nor its hardware, and
/// of the engine only what kind of interface was asked.
struct VLLMBenchServe: MeasurementImporter {
  let name = "vllm-bench-serve"
  let summary = "`vllm bench serve --save-result` or `--append-result` JSON (fields as in vLLM 0.32.0)"

  func recognizes(_ beginning: String) -> Bool {
    beginning.first { !$0.isWhitespace } == "{"
      && ["tokenizer_id", "num_prompts", "request_rate", "duration"].allSatisfy { beginning.contains("\"\($0)\"") }
  }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    let bytes = try ImportFile.whole(path)
    let foreign = ForeignMeasurement(name, path: path, facts)
    return ImportRows<ArraySlice<UInt8>>(
      JSONObjects.find(in: bytes, within: "").map { ($0.line, .success($0.bytes)) }
    ) { object throws(RowFault) in
      try Self.measurement(try JSONTree(object), String(decoding: object, as: UTF8.self), foreign)
    }
  }

  private static func measurement(
    _ run: JSONTree, _ text: String, _ foreign: ForeignMeasurement
  ) throws(RowFault) -> Serving.Measurement {
    guard let model = run["model_id"]?.text, !model.isEmpty else { throw RowFault("model_id is missing") }
    guard run["total_output_tokens"] != nil else { throw RowFault("no total_output_tokens: no text was generated") }
    var warnings: [String] = []
    let completed = try run.count("completed")
    let failed = run["failed"] == nil ? max(0, try run.count("num_prompts") - completed) : try run.count("failed")
    let drafted = run["spec_decode_draft_tokens"]?.number ?? 0
    let metrics = Metrics.foreign(
      requestCount: completed, failedRequestCount: failed, promptTokenCount: try run.count("total_input_tokens"),
      outputTokenCount: try run.count("total_output_tokens"), wallSeconds: try run.figure("duration"),
      ttft: try latency("ttft", run) ?? .known(), itl: try latency("itl", run) ?? .known(),
      tpot: try latency("tpot", run) ?? .known(),
      e2e: try latency("e2el", run) ?? wholeRequests(run, hasFailures: failed > 0),
      acceptanceRate: drafted > 0 ? try run.figure("spec_decode_accepted_tokens") / drafted : nil)
    let workload = try workload(run, completed: completed, &warnings)
    warnings.append("started_at is the client's local time, read as UTC")
    let backend = run["backend"]?.text ?? run["endpoint_type"]?.text
    return foreign.measurement(
      fingerprint: text, model: .named(model), hardware: nil, workload: workload,
      engine: backend == "vllm" ? EngineName("vllm") : nil, engineVersion: nil,
      configuration: [.sourceConfiguration: .text(run["label"]?.text ?? foreign.file)], fidelity: .approximate,
      startedAtMS: try startedAt(run), metrics: metrics, warnings: warnings)
  }

  /// Nil where the run was not asked for this latency.
  private static func latency(_ name: String, _ run: JSONTree) throws(RowFault) -> LatencySummary? {
    guard run["mean_\(name)_ms"] != nil else { return nil }
    func percentile(_ key: String) throws(RowFault) -> Double? { run[key] == nil ? nil : try run.figure(key) }
    return .known(
      meanMS: try run.figure("mean_\(name)_ms"), p50MS: try percentile("median_\(name)_ms"),
      p90MS: try percentile("p90_\(name)_ms"), p99MS: try percentile("p99_\(name)_ms"))
  }

  /// From the requests one by one, when all went well: a failed one has a latency too, and nothing says which it is.
  private static func wholeRequests(_ run: JSONTree, hasFailures: Bool) -> LatencySummary {
    guard !hasFailures else { return .known() }
    if let seconds = run["latencies"]?.list?.compactMap(\.number), !seconds.isEmpty {
      return .of(seconds.map { $0 * 1e3 })
    }
    guard let first = run["ttfts"]?.list?.compactMap(\.number), let gaps = run["itls"]?.list, first.count == gaps.count
    else { return .known() }
    return .of(zip(first, gaps).map { 1e3 * ($0 + ($1.list ?? []).compactMap(\.number).reduce(0, +)) })
  }

  private static func workload(
    _ run: JSONTree, completed: Int, _ warnings: inout [String]
  ) throws(RowFault) -> Workload {
    let requests = try run.count("num_prompts", atLeast: 1)
    let rate: Double?
    switch run["request_rate"] {
    case .number(let number)? where number > 0: rate = number
    case .text("inf")?: rate = nil
    default: throw RowFault("request_rate is \(run["request_rate"]?.field ?? "missing"), neither \"inf\" nor above 0")
    }
    if rate != nil, let burstiness = run["burstiness"]?.number, burstiness != 1 {
      warnings.append("requests arrived with burstiness \(burstiness), not as a Poisson process")
    }
    let limit = run["max_concurrency"] == nil ? nil : try run.count("max_concurrency", atLeast: 1)
    func lengths(_ each: String, _ total: String) throws(RowFault) -> ClosedRange<Int> {
      let counts = run[each]?.list?.compactMap { $0.number.flatMap { Int(exactly: $0) } }.filter { $0 > 0 } ?? []
      if let least = counts.min(), let most = counts.max() { return least...most }
      let mean = Int((Double(try run.count(total)) / Double(max(1, completed))).rounded())
      warnings.append("\(total) gives the mean length alone: \(mean)")
      return mean...mean
    }
    return Workload(
      name: run["label"]?.text ?? "imported", promptTokens: try lengths("input_lens", "total_input_tokens"),
      outputTokens: try lengths("output_lens", "total_output_tokens"),
      // Without a rate and a limit all requests are sent at once.
      concurrency: min(limit ?? (rate == nil ? requests : 1), requests), arrivalRate: rate, requestCount: requests)
  }

  private static func startedAt(_ run: JSONTree) throws(RowFault) -> Int64 {
    let text = run["date"]?.text ?? ""
    let digits = text.filter(\.isASCII).split(separator: "-").joined()
    guard digits.count == 14, digits.allSatisfy(\.isNumber) else {
      throw RowFault("date is \(text.prefix(40).debugDescription), not a time such as 20260131-120000")
    }
    func part(_ from: Int, _ length: Int) -> Int { Int(digits.dropFirst(from).prefix(length)) ?? 0 }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = DateComponents(
      year: part(0, 4), month: part(4, 2), day: part(6, 2), hour: part(8, 2), minute: part(10, 2), second: part(12, 2))
    guard parts.isValidDate(in: calendar), let date = calendar.date(from: parts) else {
      throw RowFault("date is \(text.prefix(40).debugDescription), which is on no calendar")
    }
    return Int64(date.timeIntervalSince1970 * 1000)
  }
}
