import CMessages
import Serving

/// An answer with the number of its question, in Schemas/messages.proto.
struct NumberedResponse {
  var id: UInt64
  var response: ClientResponse
}

/// A job and how its last run went.
private struct JobWithFigures: WireValue {
  var job: JobRecord
  var figures: JobFigures?

  static func initialize(_ c: UnsafeMutablePointer<Apus__JobWithFigures>) { apus__job_with_figures__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobWithFigures>, _ arena: Arena) throws(CodecError) {
    c.pointee.job = try arena.message(job)
    c.pointee.figures = try arena.message(figures)
  }
}

extension JobWithFigures {
  init(reading c: UnsafePointer<Apus__JobWithFigures>) throws(CodecError) {
    job = try Wire.message(c.pointee.job, "JobWithFigures.job")
    figures = try Wire.optional(c.pointee.figures)
  }
}

extension NumberedResponse: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Response>) { apus__response__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Response>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    switch response {
    case .accepted(let job):
      c.pointee.kind_case = APUS__RESPONSE__KIND_ACCEPTED
      c.pointee.accepted = try arena.message(job)
    case .tokens(let chunk):
      c.pointee.kind_case = APUS__RESPONSE__KIND_TOKENS
      c.pointee.tokens = try arena.message(chunk)
    case .jobWaiting(let job, let reason):
      let waiting = try arena.array(of: Apus__JobWaiting.self, 1)
      apus__job_waiting__init(waiting)
      waiting.pointee.job = try arena.text(job)
      waiting.pointee.reason = try arena.text(reason)
      c.pointee.kind_case = APUS__RESPONSE__KIND_JOB_WAITING
      c.pointee.job_waiting = waiting
    case .jobEnded(let end):
      c.pointee.kind_case = APUS__RESPONSE__KIND_JOB_ENDED
      c.pointee.job_ended = try arena.message(end)
    case .jobs(let jobs):
      let list = try arena.array(of: Apus__JobList.self, 1)
      apus__job_list__init(list)
      list.pointee.n_jobs = jobs.count
      list.pointee.jobs = try arena.messages(jobs)
      c.pointee.kind_case = APUS__RESPONSE__KIND_JOBS
      c.pointee.jobs = list
    case .job(let job, let figures):
      c.pointee.kind_case = APUS__RESPONSE__KIND_JOB
      c.pointee.job = try arena.message(JobWithFigures(job: job, figures: figures))
    case .recommendation(let recommendation):
      c.pointee.kind_case = APUS__RESPONSE__KIND_RECOMMENDATION
      c.pointee.recommendation = try arena.message(recommendation)
    case .benchmarkProgress(let progress):
      c.pointee.kind_case = APUS__RESPONSE__KIND_BENCHMARK_PROGRESS
      c.pointee.benchmark_progress = try arena.message(progress)
    case .benchmarkEnded(let summary):
      c.pointee.kind_case = APUS__RESPONSE__KIND_BENCHMARK_ENDED
      c.pointee.benchmark_ended = try arena.message(summary)
    case .workers(let workers):
      let list = try arena.array(of: Apus__WorkerList.self, 1)
      apus__worker_list__init(list)
      list.pointee.n_workers = workers.count
      list.pointee.workers = try arena.messages(workers)
      c.pointee.kind_case = APUS__RESPONSE__KIND_WORKERS
      c.pointee.workers = list
    case .models(let models):
      let list = try arena.array(of: Apus__ModelList.self, 1)
      apus__model_list__init(list)
      list.pointee.n_models = models.count
      list.pointee.models = try arena.messages(models)
      c.pointee.kind_case = APUS__RESPONSE__KIND_MODELS
      c.pointee.models = list
    case .historyStats(let stats):
      c.pointee.kind_case = APUS__RESPONSE__KIND_HISTORY_STATS
      c.pointee.history_stats = try arena.message(stats)
    case .status(let status):
      c.pointee.kind_case = APUS__RESPONSE__KIND_STATUS
      c.pointee.status = try arena.message(status)
    case .trained(let summary):
      c.pointee.kind_case = APUS__RESPONSE__KIND_TRAINED
      c.pointee.trained = try arena.message(summary)
    case .modelOffset(let offset):
      c.pointee.kind_case = APUS__RESPONSE__KIND_MODEL_OFFSET
      c.pointee.model_offset = try arena.message(offset)
    case .launch(let launch):
      c.pointee.kind_case = APUS__RESPONSE__KIND_LAUNCH
      c.pointee.launch = try arena.message(launch)
    case .placementNews(let news):
      c.pointee.kind_case = APUS__RESPONSE__KIND_PLACEMENT_NEWS
      c.pointee.placement_news = try arena.message(news)
    case .done:
      c.pointee.kind_case = APUS__RESPONSE__KIND_DONE
      c.pointee.done = try arena.empty()
    case .failure(let failure):
      c.pointee.kind_case = APUS__RESPONSE__KIND_FAILURE
      c.pointee.failure = try arena.message(failure)
    }
  }

  init(reading c: UnsafePointer<Apus__Response>) throws(CodecError) {
    id = c.pointee.id
    switch c.pointee.kind_case {
    case APUS__RESPONSE__KIND_ACCEPTED: response = .accepted(try Wire.message(c.pointee.accepted, "Response.accepted"))
    case APUS__RESPONSE__KIND_TOKENS: response = .tokens(try Wire.message(c.pointee.tokens, "Response.tokens"))
    case APUS__RESPONSE__KIND_JOB_WAITING:
      guard let waiting = c.pointee.job_waiting else {
        throw .invalid(field: "Response.job_waiting", problem: "is missing")
      }
      response = .jobWaiting(
        try Wire.id(waiting.pointee.job, "JobWaiting.job"),
        reason: try Wire.text(waiting.pointee.reason, "JobWaiting.reason"))
    case APUS__RESPONSE__KIND_JOB_ENDED:
      response = .jobEnded(try Wire.message(c.pointee.job_ended, "Response.job_ended"))
    case APUS__RESPONSE__KIND_JOBS:
      guard let list = c.pointee.jobs else { throw .invalid(field: "Response.jobs", problem: "is missing") }
      response = .jobs(try Wire.messages(list.pointee.jobs, list.pointee.n_jobs, "JobList.jobs"))
    case APUS__RESPONSE__KIND_JOB:
      let shown: JobWithFigures = try Wire.message(c.pointee.job, "Response.job")
      response = .job(shown.job, shown.figures)
    case APUS__RESPONSE__KIND_RECOMMENDATION:
      response = .recommendation(try Wire.message(c.pointee.recommendation, "Response.recommendation"))
    case APUS__RESPONSE__KIND_BENCHMARK_PROGRESS:
      response = .benchmarkProgress(try Wire.message(c.pointee.benchmark_progress, "Response.benchmark_progress"))
    case APUS__RESPONSE__KIND_BENCHMARK_ENDED:
      response = .benchmarkEnded(try Wire.message(c.pointee.benchmark_ended, "Response.benchmark_ended"))
    case APUS__RESPONSE__KIND_WORKERS:
      guard let list = c.pointee.workers else { throw .invalid(field: "Response.workers", problem: "is missing") }
      response = .workers(try Wire.messages(list.pointee.workers, list.pointee.n_workers, "WorkerList.workers"))
    case APUS__RESPONSE__KIND_MODELS:
      guard let list = c.pointee.models else { throw .invalid(field: "Response.models", problem: "is missing") }
      response = .models(try Wire.messages(list.pointee.models, list.pointee.n_models, "ModelList.models"))
    case APUS__RESPONSE__KIND_HISTORY_STATS:
      response = .historyStats(try Wire.message(c.pointee.history_stats, "Response.history_stats"))
    case APUS__RESPONSE__KIND_STATUS: response = .status(try Wire.message(c.pointee.status, "Response.status"))
    case APUS__RESPONSE__KIND_TRAINED: response = .trained(try Wire.message(c.pointee.trained, "Response.trained"))
    case APUS__RESPONSE__KIND_MODEL_OFFSET:
      response = .modelOffset(try Wire.message(c.pointee.model_offset, "Response.model_offset"))
    case APUS__RESPONSE__KIND_PLACEMENT_NEWS:
      response = .placementNews(try Wire.message(c.pointee.placement_news, "Response.placement_news"))
    case APUS__RESPONSE__KIND_LAUNCH: response = .launch(try Wire.message(c.pointee.launch, "Response.launch"))
    case APUS__RESPONSE__KIND_DONE: response = .done
    case APUS__RESPONSE__KIND_FAILURE: response = .failure(try Wire.message(c.pointee.failure, "Response.failure"))
    default:
      throw .invalid(field: "Response.kind", problem: "is unknown: the coordinator says what this version cannot read")
    }
  }
}
