import CMessages
import Serving

/// A client's question with its number, in Schemas/messages.proto.
struct NumberedRequest {
  var id: UInt64
  var request: ClientRequest
}

extension NumberedRequest: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Request>) { apus__request__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Request>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    switch request {
    case .submit(let spec):
      c.pointee.kind_case = APUS__REQUEST__KIND_SUBMIT
      c.pointee.submit = try arena.message(spec)
    case .listJobs(let state, let limit, let tenant):
      let list = try arena.array(of: Apus__ListJobs.self, 1)
      apus__list_jobs__init(list)
      list.pointee.state = Apus__JobState(rawValue: state?.wireNumber ?? 0)
      list.pointee.limit = try arena.count(limit, "ListJobs.limit")
      list.pointee.tenant = try arena.optionalText(tenant)
      c.pointee.kind_case = APUS__REQUEST__KIND_LIST_JOBS
      c.pointee.list_jobs = list
    case .watchJob(let job):
      c.pointee.kind_case = APUS__REQUEST__KIND_WATCH_JOB
      c.pointee.watch_job = try arena.text(job)
    case .showJob(let job):
      c.pointee.kind_case = APUS__REQUEST__KIND_SHOW_JOB
      c.pointee.show_job = try arena.text(job)
    case .cancelJob(let job):
      c.pointee.kind_case = APUS__REQUEST__KIND_CANCEL_JOB
      c.pointee.cancel_job = try arena.text(job)
    case .retryJob(let job):
      c.pointee.kind_case = APUS__REQUEST__KIND_RETRY_JOB
      c.pointee.retry_job = try arena.text(job)
    case .recommend(let query):
      c.pointee.kind_case = APUS__REQUEST__KIND_RECOMMEND
      c.pointee.recommend = try arena.message(query)
    case .benchmark(let spec):
      c.pointee.kind_case = APUS__REQUEST__KIND_BENCHMARK
      c.pointee.benchmark = try arena.message(spec)
    case .cancelBenchmark(let benchmark):
      c.pointee.kind_case = APUS__REQUEST__KIND_CANCEL_BENCHMARK
      c.pointee.cancel_benchmark = try arena.text(benchmark)
    case .listWorkers:
      c.pointee.kind_case = APUS__REQUEST__KIND_LIST_WORKERS
      c.pointee.list_workers = try arena.empty()
    case .listModels:
      c.pointee.kind_case = APUS__REQUEST__KIND_LIST_MODELS
      c.pointee.list_models = try arena.empty()
    case .historyStats:
      c.pointee.kind_case = APUS__REQUEST__KIND_HISTORY_STATS
      c.pointee.history_stats = try arena.empty()
    case .showStatus:
      c.pointee.kind_case = APUS__REQUEST__KIND_SHOW_STATUS
      c.pointee.show_status = try arena.empty()
    case .train:
      c.pointee.kind_case = APUS__REQUEST__KIND_TRAIN
      c.pointee.train = try arena.empty()
    case .pushModel(let worker, let chunk):
      let push = try arena.array(of: Apus__PushModel.self, 1)
      apus__push_model__init(push)
      push.pointee.worker = try arena.text(worker)
      push.pointee.chunk = try arena.message(chunk)
      c.pointee.kind_case = APUS__REQUEST__KIND_PUSH_MODEL
      c.pointee.push_model = push
    case .planLaunch(let worker, let query):
      let plan = try arena.array(of: Apus__PlanLaunch.self, 1)
      apus__plan_launch__init(plan)
      plan.pointee.worker = try arena.text(worker)
      plan.pointee.query = try arena.message(query)
      c.pointee.kind_case = APUS__REQUEST__KIND_PLAN_LAUNCH
      c.pointee.plan_launch = plan
    case .benchmarkPlacement(let spec):
      c.pointee.kind_case = APUS__REQUEST__KIND_BENCHMARK_PLACEMENT
      c.pointee.benchmark_placement = try arena.message(spec)
    }
  }

  init(reading c: UnsafePointer<Apus__Request>) throws(CodecError) {
    id = c.pointee.id
    switch c.pointee.kind_case {
    case APUS__REQUEST__KIND_SUBMIT: request = .submit(try Wire.message(c.pointee.submit, "Request.submit"))
    case APUS__REQUEST__KIND_LIST_JOBS:
      guard let list = c.pointee.list_jobs else { throw .invalid(field: "Request.list_jobs", problem: "is missing") }
      let state = list.pointee.state.rawValue
      request = .listJobs(
        state: state == 0 ? nil : try Wire.choice(state, "ListJobs.state"),
        limit: try Wire.count(list.pointee.limit, "ListJobs.limit"),
        tenant: try Wire.text(list.pointee.tenant, "ListJobs.tenant"))
    case APUS__REQUEST__KIND_WATCH_JOB: request = .watchJob(try Wire.id(c.pointee.watch_job, "Request.watch_job"))
    case APUS__REQUEST__KIND_SHOW_JOB: request = .showJob(try Wire.id(c.pointee.show_job, "Request.show_job"))
    case APUS__REQUEST__KIND_CANCEL_JOB: request = .cancelJob(try Wire.id(c.pointee.cancel_job, "Request.cancel_job"))
    case APUS__REQUEST__KIND_RETRY_JOB: request = .retryJob(try Wire.id(c.pointee.retry_job, "Request.retry_job"))
    case APUS__REQUEST__KIND_RECOMMEND:
      request = .recommend(try Wire.message(c.pointee.recommend, "Request.recommend"))
    case APUS__REQUEST__KIND_BENCHMARK:
      request = .benchmark(try Wire.message(c.pointee.benchmark, "Request.benchmark"))
    case APUS__REQUEST__KIND_CANCEL_BENCHMARK:
      request = .cancelBenchmark(try Wire.id(c.pointee.cancel_benchmark, "Request.cancel_benchmark"))
    case APUS__REQUEST__KIND_LIST_WORKERS: request = .listWorkers
    case APUS__REQUEST__KIND_LIST_MODELS: request = .listModels
    case APUS__REQUEST__KIND_HISTORY_STATS: request = .historyStats
    case APUS__REQUEST__KIND_SHOW_STATUS: request = .showStatus
    case APUS__REQUEST__KIND_TRAIN: request = .train
    case APUS__REQUEST__KIND_PUSH_MODEL:
      guard let push = c.pointee.push_model else { throw .invalid(field: "Request.push_model", problem: "is missing") }
      request = .pushModel(
        try Wire.id(push.pointee.worker, "PushModel.worker"), try Wire.message(push.pointee.chunk, "PushModel.chunk"))
    case APUS__REQUEST__KIND_PLAN_LAUNCH:
      guard let plan = c.pointee.plan_launch else {
        throw .invalid(field: "Request.plan_launch", problem: "is missing")
      }
      request = .planLaunch(
        try Wire.id(plan.pointee.worker, "PlanLaunch.worker"), try Wire.message(plan.pointee.query, "PlanLaunch.query"))
    case APUS__REQUEST__KIND_BENCHMARK_PLACEMENT:
      request = .benchmarkPlacement(try Wire.message(c.pointee.benchmark_placement, "Request.benchmark_placement"))
    default: throw .invalid(field: "Request.kind", problem: "is unknown: the client asks for what this version cannot")
    }
  }
}
