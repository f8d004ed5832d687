import Gateway
import Messaging
import Serving

extension APIForms {
  /// The command line's own words: what `--json` prints, and what its options read.
  static let commandLine = APIForms(
    job: { JobOutput.json($0, $1).text },
    jobs: { jobs in JSONValue.object([("jobs", .array(jobs.map { JobOutput.json($0, nil) }))]).text },
    workers: { workers in JSONValue.object([("workers", .array(workers.map(WorkersCommand.json)))]).text },
    models: { models in
      JSONValue.object([("models", .array(models.map { ModelOutput.json($0.profile, workers: $0.workers) }))]).text
    },
    stats: { stats in
      JSONValue.object([
        ("job_count", .int(stats.jobCount)), ("measurement_count", .int(stats.measurementCount)),
        ("model_count", .int(stats.modelCount)), ("node_count", .int(stats.nodeCount)),
        ("database_bytes", .int(stats.databaseBytes)),
        ("outcomes", .object(stats.outcomes.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
      ]).text
    },
    recommendation: { RecommendationOutput.json($0, top: 10).text },
    query: { (model, parameters) throws(ApusError) in
      let name = parameters["workload"] ?? "chat"
      guard let workload = Workload.builtIn.first(where: { $0.name == name }) else {
        throw ApusError(
          .badInput, "there is no workload \(name)",
          advice: "use one of \(Workload.builtIn.map(\.name).joined(separator: ", "))")
      }
      let loss = try parameters["max_quality_loss"].map { (text) throws(ApusError) -> Double in
        guard let loss = Double(text) else {
          throw ApusError(.badInput, "max_quality_loss \(text) is not a number", advice: "give nats per token")
        }
        return loss
      }
      return RecommendQuery(
        model: model.id, workload: workload, objective: try QueryOptions.objective(parameters["objective"] ?? "e2e"),
        limits: Limits(
          slos: try QueryOptions.slos(parameters["slo"].map { [$0] } ?? []),
          maxQualityLoss: try QueryOptions.qualityLoss(loss)), worker: parameters["worker"].map { WorkerName($0) })
    })
}
