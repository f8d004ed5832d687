import HTTPTypes
import Hummingbird
public import Messaging
public import Serving

/// How Apus's own answers are written, and its questions read: the command line's words, so that both say the same.
public struct APIForms: Sendable {
  public var job: @Sendable (JobRecord, JobFigures?) -> String
  public var jobs: @Sendable ([JobRecord]) -> String
  public var workers: @Sendable ([WorkerStatus]) -> String
  public var models: @Sendable ([ModelStatus]) -> String
  public var stats: @Sendable (HistoryStats) -> String
  public var recommendation: @Sendable (Recommendation) -> String
  /// From the parameters `workload`, `objective`, `slo`, `max_quality_loss` and `worker`.
  public var query: @Sendable (ModelProfile, [String: String]) throws(ApusError) -> RecommendQuery

  public init(
    job: @escaping @Sendable (JobRecord, JobFigures?) -> String,
    jobs: @escaping @Sendable ([JobRecord]) -> String, workers: @escaping @Sendable ([WorkerStatus]) -> String,
    models: @escaping @Sendable ([ModelStatus]) -> String, stats: @escaping @Sendable (HistoryStats) -> String,
    recommendation: @escaping @Sendable (Recommendation) -> String,
    query: @escaping @Sendable (ModelProfile, [String: String]) throws(ApusError) -> RecommendQuery
  ) {
    self.job = job
    self.jobs = jobs
    self.workers = workers
    self.models = models
    self.stats = stats
    self.recommendation = recommendation
    self.query = query
  }
}

/// Apus's own routes: what the command line shows, over HTTP.
struct ApusRoutes: Sendable {
  private static let listLimit = 100

  let link: CoordinatorLink
  let models: ModelDirectory
  let forms: APIForms

  func add(to router: Router<GatewayContext>) {
    let router = router.group().add(middleware: Elsewhere())
    router.get("/apus/v1/recommend") { request, _ in try await recommend(request) }
    router.get("/apus/v1/jobs") { request, context in try await list(request, visible(to: context)) }
    router.get("/apus/v1/jobs/{job}") { _, context in
      answer(try await visible(to: context).find(try Self.job(context)))
    }
    router.post("/apus/v1/jobs/{job}/cancel") { _, context in
      answer(try await visible(to: context).cancel(try Self.job(context)))
    }
    router.post("/apus/v1/jobs/{job}/retry") { _, context in
      answer((try await visible(to: context).retry(try Self.job(context)), nil), status: .accepted)
    }
    router.get("/apus/v1/workers") { _, _ in
      guard case .workers(let workers) = try await link.ask(.listWorkers) else { throw Self.surprise }
      return Response(json: JSONText(raw: forms.workers(workers)))
    }
    router.get("/apus/v1/models") { _, _ in Response(json: JSONText(raw: forms.models(try await models.all()))) }
    router.get("/apus/v1/history/stats") { _, _ in
      guard case .historyStats(let stats) = try await link.ask(.historyStats) else { throw Self.surprise }
      return Response(json: JSONText(raw: forms.stats(stats)))
    }
  }

  private static let surprise = ApusError(.bug, "the coordinator answered with something else")

  private static func job(_ context: GatewayContext) throws -> JobID { JobID(try context.decodedParameter("job")) }

  private func visible(to context: GatewayContext) -> VisibleJobs { VisibleJobs(link: link, key: context.key) }

  private func answer(_ job: (JobRecord, JobFigures?), status: HTTPResponse.Status = .ok) -> Response {
    Response(json: JSONText(raw: forms.job(job.0, job.1)), status: status)
  }

  private func recommend(_ request: Request) async throws -> Response {
    var parameters: [String: String] = [:]
    for (name, value) in request.uri.queryParameters { parameters[String(name)] = String(value) }
    guard let name = parameters["model"] else {
      throw OpenAIError.bad("model", "the parameter model is missing", code: "missing_field")
    }
    let query = try forms.query(try await models.find(name), parameters)
    guard case .recommendation(let answer) = try await link.ask(.recommend(query)) else { throw Self.surprise }
    return Response(json: JSONText(raw: forms.recommendation(answer)))
  }

  private func list(_ request: Request, _ visible: VisibleJobs) async throws -> Response {
    var state: JobState?
    if let name = request.uri.queryParameters["state"] {
      guard let known = JobState(rawValue: String(name)) else {
        let states = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        throw OpenAIError.bad("state", "there is no state \(name); there are \(states)")
      }
      state = known
    }
    var limit = Self.listLimit
    if let text = request.uri.queryParameters["limit"] {
      guard let number = Int(text) else { throw OpenAIError.bad("limit", "the limit \(text) is not a number") }
      limit = number
    }
    return Response(json: JSONText(raw: forms.jobs(try await visible.list(state, limit: limit))))
  }
}
