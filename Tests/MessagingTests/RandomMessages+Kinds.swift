import Messaging
import Serving

extension RandomMessages {
  /// Kinds of messages, requests and responses together.
  static let kindCount = 16 + 17 + 19

  /// A message of the kind with this number, so that a loop over the numbers covers all of them.
  mutating func message(kind: Int) -> Message {
    switch kind {
    case 0:
      .hello(Hello(role: pick(PeerRole.allCases), worker: some { $0.workerDescription() }))
    case 1: .welcome(Welcome(peer: text(), heartbeatMS: count()))
    case 2: .refused(error())
    case 3:
      .heartbeat(
        Heartbeat(
          leases: list { $0.id() }, warmConfigurations: list { $0.text() }, warmingConfiguration: some { $0.text() },
          isStopping: chance()))
    case 4: .tokens(tokenChunk())
    case 5:
      .report(
        Report(
          lease: id(), measurement: measurement(), isLast: chance(), output: text(),
          finishReason: some { $0.pick(FinishReason.allCases) }, toolCalls: list { $0.toolCall() }))
    case 6: .modelOffset(modelOffset())
    case 7: .assignment(Assignment(lease: id(), work: work()))
    case 8: .reportStored(id())
    case 9: .revoke(id())
    case 10: .modelChunk(modelChunk())
    case 11: .launchQuery(id: seed(), launchQuery())
    case 12: .launchAnswer(LaunchAnswer(id: seed(), result: chance() ? .success(launch()) : .failure(error())))
    case 13:
      .hostingAnswer(HostingAnswer(lease: id(), address: chance() ? .success(text()) : .failure(error())))
    case 14:
      .placementReport(
        PlacementReport(lease: id(), news: chance(0.8) ? .success(placementNews()) : .failure(error())))
    case 15: .warmUp(EngineWarmUp(model: id(), configuration: configuration(), contextTokens: count()))
    case 16..<33: .request(id: seed(), request(kind: kind - 16))
    default: .response(id: seed(), response(kind: kind - 33))
    }
  }

  private mutating func work() -> Assignment.Work {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: .trial(trialSpec())
    case 1: .job(jobAssignment())
    case 2: .hosting(ExpertHosting(model: id(), hubKey: text()))
    default:
      .placement(
        PlacementAssignment(
          spec: placementSpec(),
          hosts: list {
            IntroducedHost(
              name: $0.id(), address: $0.text(), publicKey: $0.text(), operationsPerSecond: $0.number(),
              memoryBandwidth: $0.number(), memoryBytes: $0.count())
          },
          trials: list {
            PlacementTrial(
              encoderVersion: $0.count(), problem: $0.text(), strategy: $0.text(),
              features: $0.list { Float($0.share()) }, analyticSeconds: $0.number(), measuredSeconds: $0.number())
          }))
    }
  }

  private mutating func jobAssignment() -> JobAssignment {
    JobAssignment(
      job: id(), spec: jobSpec(), candidate: candidate(), generatedTokenIDs: tokenChunk().tokenIDs,
      generatedText: text())
  }

  private mutating func launchQuery() -> LaunchQuery {
    LaunchQuery(model: id(), configuration: configuration(), contextTokens: count(), host: text(), port: count())
  }

  private mutating func launch() -> EngineLaunch {
    EngineLaunch(
      engine: EngineDescription(name: id(), version: text()), command: list { $0.text() },
      environment: Dictionary(list { ($0.text(), $0.text()) }) { first, _ in first }, host: text(), port: count(),
      healthPath: text(), startTimeoutSeconds: number(), modelPaths: list { $0.text() },
      engineDirectory: some { $0.text() }, coreCount: count(), memoryBytes: count(), memoryLimitBytes: count(),
      acceleratorCount: count())
  }

  private mutating func request(kind: Int) -> ClientRequest {
    switch kind {
    case 0: .submit(jobSpec())
    case 1: .listJobs(state: some { $0.pick(JobState.allCases) }, limit: count(), tenant: some { $0.text() })
    case 2: .watchJob(id())
    case 3: .showJob(id())
    case 4: .cancelJob(id())
    case 5: .retryJob(id())
    case 6:
      .recommend(
        RecommendQuery(
          model: id(), workload: workload(), objective: objective(), limits: limits(), worker: some { $0.id() },
          hardware: some { $0.hardware() }, inFull: chance(), explains: chance()))
    case 7:
      .benchmark(
        BenchmarkSpec(
          id: id(), models: list { $0.id() }, workloads: list { $0.workload() }, methods: list { $0.id() },
          workers: list { $0.id() }, budgetSeconds: number(), objective: objective(), seed: seed()))
    case 8: .cancelBenchmark(id())
    case 9: .listWorkers
    case 10: .listModels
    case 11: .historyStats
    case 12: .train
    case 13: .pushModel(id(), modelChunk())
    case 14: .planLaunch(id(), launchQuery())
    case 15: .showStatus
    default: .benchmarkPlacement(placementSpec())
    }
  }

  private mutating func response(kind: Int) -> ClientResponse {
    switch kind {
    case 0: .accepted(jobRecord())
    case 1: .tokens(tokenChunk())
    case 2: .jobEnded(JobEnd(jobRecord(), some { $0.jobFigures() }))
    case 3: .jobs(list { $0.jobRecord() })
    case 4: .job(jobRecord(), some { $0.jobFigures() })
    case 5: .recommendation(recommendation())
    case 6:
      .benchmarkProgress(
        BenchmarkProgress(
          benchmark: id(), phase: text(), completedBlocks: count(), plannedBlocks: count(), elapsedSeconds: number(),
          latest: text()))
    case 7:
      .benchmarkEnded(
        BenchmarkSummary(
          benchmark: id(), findings: list { $0.finding() }, measurementCount: count(), outcomes: counts(),
          elapsedSeconds: number(), wasCutShort: chance(),
          qualities: list { CandidateQuality(model: $0.id(), candidate: $0.candidate(), loss: $0.quality()) }))
    case 8:
      .workers(list { $0.workerStatus() })
    case 9: .models(list { ModelStatus(profile: $0.model(), workers: $0.list { $0.id() }) })
    case 10:
      .historyStats(
        HistoryStats(
          jobCount: count(), measurementCount: count(), modelCount: count(), nodeCount: count(), outcomes: counts(),
          databaseBytes: count()))
    case 11:
      .trained(TrainingSummary(rowCount: count(), seconds: number(), wasPromoted: chance(), reason: text()))
    case 12: .modelOffset(modelOffset())
    case 13: .done
    case 14: .launch(launch())
    case 15: .jobWaiting(id(), reason: text())
    case 16: .placementNews(placementNews())
    case 17: .status(coordinatorStatus())
    default: .failure(error())
    }
  }

  private mutating func workerStatus() -> WorkerStatus {
    WorkerStatus(
      name: id(), description: workerDescription(), isAlive: chance(), silentSeconds: number(), leaseCount: count(),
      warmConfigurations: list { $0.text() }, changes: list { $0.text() })
  }

  private mutating func coordinatorStatus() -> CoordinatorStatus {
    var metrics = CoordinatorMetrics()
    for counter in CoordinatorMetrics.counters { metrics[keyPath: counter.count] = count() }
    return CoordinatorStatus(
      upSeconds: number(), queuedJobCount: count(), metrics: metrics, workers: list { $0.workerStatus() })
  }

  private mutating func recommendation() -> Recommendation {
    var recommendation = Recommendation(
      decision: pick([.use, .measureFirst, .default]),
      candidates: list {
        RankedCandidate(
          candidate: $0.candidate(), worker: $0.id(), predicted: $0.predicted(), intervals: $0.intervals(),
          interval: $0.some { $0.interval() },
          speedup: $0.some { $0.number() }, speedupInterval: $0.some { $0.interval() }, evidenceCount: $0.count(),
          reasons: $0.list { $0.text() }, quality: $0.some { $0.quality() })
      }, reasons: list { $0.text() }, confidence: some { $0.share() })
    let places = Array(recommendation.candidates.indices)
    recommendation.measureNext = some { MeasurementPlan(candidates: places, seconds: $0.some { $0.number() }) }
    if let last = places.last {
      recommendation.explanation = some { $0.explanation(place: last) }
    }
    return recommendation
  }

  private mutating func explanation(place: Int) -> Explanation {
    Explanation(
      subject: place,
      contributions: list {
        Explanation.Contribution(name: $0.text(), value: $0.some { $0.number() }, factor: $0.number())
      },
      runnerUp: some { _ in place }, flips: list { Explanation.Flip(what: $0.text(), from: $0.text(), to: $0.text()) },
      evidence: list {
        Explanation.Evidence(
          measurement: $0.id(), startedAtMS: Int64($0.count()), worker: $0.id(), workload: $0.workload(),
          configuration: $0.configuration(), value: $0.some { $0.number() }, isHere: $0.chance())
      })
  }

  private mutating func finding() -> BenchmarkFinding {
    BenchmarkFinding(
      model: id(), worker: id(), workload: workload(), best: candidate(), defaultMetrics: some { $0.metrics() },
      bestMetrics: some { $0.metrics() }, speedup: some { $0.number() }, speedupInterval: some { $0.interval() },
      pairCount: count(), approximate: some { $0.candidate() }, approximateSpeedup: some { $0.number() },
      predicted: some { $0.predicted() })
  }
}
