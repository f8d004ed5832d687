import Engines
public import Serving

/// Runs one user's request on a loaded engine and streams its tokens.
public struct JobRunner: Sendable {
  /// The slowest reading of a prompt that is waited for, in tokens per second.
  static let slowestPrefillRate = 20.0

  public let host: EngineHost

  public init(host: EngineHost) { self.host = host }

  /// Runs a job to its end, or on from what the user has already.
  ///
  /// - Parameters:
  ///   - engine: one that `host` runs with the job's configuration. It may serve other jobs meanwhile; their CPU
  ///     time is then in this measurement too.
  ///   - onTokens: called in order with tokens the user has not seen, on a thread that it must not hold up.
  public func run(
    _ job: JobRequest, on engine: any RunningEngine,
    onTokens: @escaping @Sendable (GeneratedTokens) -> Void
  ) async -> JobAnswer {
    let startedAtMS = TrialRun.wallClockMS()
    guard job.remainingTokens > 0 else {
      // The worker that was lost had sent everything but its report.
      let warning = "all \(job.spec.maxTokens) tokens came from an earlier attempt; nothing was measured"
      let nothing = MetricSummary.metrics(
        of: [], usage: await usage(of: engine, since: nil, end: nil))
      let measurement = measurement(
        of: job, workload: job.spec.workload, .completed(nothing), startedAtMS, [], [warning])
      return JobAnswer(measurement: measurement, output: job.generatedText, finishReason: .length)
    }

    var endpoint = host.endpoint(of: engine, job.candidate.configuration)
    let before = await engine.usedSeconds()
    let queries = StreamingClient(limits: RequestLimits(stallSeconds: 60, totalSeconds: 120))
    var promptTokenCount = 0
    do throws(RequestFailure) {
      if endpoint.dialect != .llamaCpp, endpoint.servedModel == nil {
        endpoint.servedModel = try await queries.servedModel(at: endpoint)
      }
      let request = try await JobPrompt(client: queries, endpoint: endpoint).request(for: job)
      promptTokenCount = request.promptTokenEstimate
      let client = StreamingClient(
        limits: RequestLimits(stallSeconds: 60 + Double(promptTokenCount) / Self.slowestPrefillRate))
      let stream = JobStream(
        client: queries, endpoint: endpoint, canBeGoneOn: !job.spec.isHeldToForm, onTokens: onTokens)
      let result = await Self.stream(request, to: endpoint, client, stream)
      let usage = await usage(of: engine, since: before, end: try? result.get())
      let output = job.generatedText + stream.text
      let toolCalls = stream.toolCalls
      let seconds = stream.tokenSeconds
      switch result {
      case .success(let end):
        let sample = RequestTimeline(
          sentAtSeconds: 0, tokenSeconds: seconds, promptTokenCount: end.promptTokenCount,
          cachedTokenCount: end.cachedTokenCount)
        let measurement = measurement(
          of: job, workload: job.shape(promptTokens: end.promptTokenCount, outputTokens: seconds.count),
          .completed(MetricSummary.metrics(of: [sample], usage: usage)), startedAtMS, [sample],
          Self.warnings(end, job))
        return JobAnswer(
          measurement: measurement, output: output, finishReason: end.reason, toolCalls: toolCalls)
      case .failure(let failure):
        let failure = failure.blamingTools(of: job.spec)
        let sample = RequestTimeline(
          sentAtSeconds: 0, tokenSeconds: seconds, promptTokenCount: promptTokenCount, failure: failure.description)
        let outcome = await outcome(of: failure, engine)
        let measurement = measurement(
          of: job, workload: job.shape(promptTokens: promptTokenCount, outputTokens: job.remainingTokens), outcome,
          startedAtMS, [sample], Self.warnings(failure))
        return JobAnswer(
          measurement: measurement, output: output, finishReason: failure.finishReason, toolCalls: toolCalls)
      }
    } catch {
      let failure = error.blamingTools(of: job.spec)
      let measurement = measurement(
        of: job, workload: job.spec.workload, await outcome(of: failure, engine), startedAtMS, [],
        Self.warnings(failure))
      return JobAnswer(measurement: measurement, output: job.generatedText, finishReason: failure.finishReason)
    }
  }

  private static func stream(
    _ request: GenerationRequest, to endpoint: EngineEndpoint, _ client: StreamingClient, _ stream: JobStream
  ) async -> Result<GenerationEnd, RequestFailure> {
    do throws(RequestFailure) {
      let end = try await client.follow(request, at: endpoint, take: stream.take)
      stream.finish(end.reason)
      return .success(end)
    } catch {
      return .failure(error)
    }
  }

  private func outcome(of failure: RequestFailure, _ engine: any RunningEngine) async -> Outcome {
    if Task.isCancelled || failure == .cancelled { return .cancelled }
    if let ending = await engine.ending(after: [failure]) { return ending.outcome }
    // The request's fault, and no failure of the configuration to learn from.
    if failure.finishReason?.isRefusal == true { return .cancelled }
    switch failure {
    case .stalled(let seconds), .timedOut(let seconds): return .timedOut(afterSeconds: seconds)
    default: return .engineFailed(reason: failure.description, lastLines: engine.lastLines)
    }
  }

  private static func warnings(_ failure: RequestFailure) -> [String] {
    switch failure {
    case .promptTooLong: ["\(failure); shorten the prompt, or load the engine with a longer context"]
    default: failure.finishReason?.isRefusal == true ? [failure.description] : []
    }
  }

  private static func warnings(_ end: GenerationEnd, _ job: JobRequest) -> [String] {
    guard end.reason == .contextFull else { return [] }
    return [
      """
      the answer ends after \(end.outputTokenCount) of \(job.remainingTokens) tokens because prompt and answer fill the \
      context; shorten the prompt, or load the engine with a longer context
      """
    ]
  }

  /// - Parameter before: at the start of the job; nil for one that did nothing.
  private func usage(of engine: any RunningEngine, since before: Double?, end: GenerationEnd?) async -> BlockUsage {
    let after = await engine.usage()
    return BlockUsage(
      cpuSeconds: after.map { $0.cpuSeconds - (before ?? $0.cpuSeconds) }, peakMemoryBytes: after?.peakMemoryBytes,
      loadSeconds: engine.loadSeconds, draftedTokenCount: end?.draftedTokenCount,
      acceptedTokenCount: end?.acceptedTokenCount, acceleratorMemoryBytes: after?.acceleratorMemoryBytes)
  }

  private func measurement(
    of job: JobRequest, workload: Workload, _ outcome: Outcome, _ startedAtMS: Int64, _ samples: [RequestTimeline],
    _ warnings: [String]
  ) -> Measurement {
    Measurement(
      id: .random("measurement"), source: .job(job.job), worker: host.worker, hardware: host.hardware,
      model: host.profile(job.spec.model) ?? .unknown(job.spec.model), workload: workload,
      configuration: job.candidate.configuration, fidelity: job.candidate.fidelity,
      engineVersion: host.version(of: job.candidate.configuration.engine), startedAtMS: startedAtMS, outcome: outcome,
      samples: samples, warnings: warnings)
  }
}

extension JobRequest {
  /// The shape this run really had: what the engine counted, not what was guessed from the text.
  fileprivate func shape(promptTokens: Int, outputTokens: Int) -> Workload {
    let prompt = max(1, promptTokens)
    let output = max(1, outputTokens)
    return Workload(name: "job", promptTokens: prompt...prompt, outputTokens: output...output, requestCount: 1)
  }
}

extension GenerationRequest {
  /// Tokens of the prompt; a fourth of the bytes where only its text is known.
  fileprivate var promptTokenEstimate: Int {
    switch prompt {
    case .tokens(let ids): ids.count
    case .text(let text): text.utf8.count / 4
    case .chat(let messages): messages.reduce(tools?.bytes ?? 0) { $0 + $1.textBytes } / 4
    }
  }
}
