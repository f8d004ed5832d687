import Messaging
import Serving

/// The jobs that whoever asks may see, cancel and retry: an API key those that came with it, an administrator's key and a
/// gateway that asks for no keys all there are, as the command line.
struct VisibleJobs: Sendable {
  let link: CoordinatorLink
  /// Nil where none is asked for.
  let key: GatewayKey?

  /// Nil for everybody's.
  private var tenant: String? { key.flatMap { $0.isAdmin ? nil : $0.name } }

  /// Newest first.
  func list(_ state: JobState?, limit: Int) async throws -> [JobRecord] {
    guard case .jobs(let jobs) = try await link.ask(.listJobs(state: state, limit: limit, tenant: tenant)) else {
      throw Self.surprise
    }
    // A coordinator from before there were tenants answers with all there are.
    let client = await link.name
    return jobs.filter { isVisible($0, to: client) }
  }

  /// - Throws: 404 where there is none, and where it is another's: that it exists is nobody else's business.
  func find(_ id: JobID) async throws -> (JobRecord, JobFigures?) {
    do {
      guard case .job(let record, let figures) = try await link.ask(.showJob(id)) else { throw Self.surprise }
      guard isVisible(record, to: await link.name) else { throw Self.unknown(id) }
      return (record, figures)
    } catch let error as ApusError where error.code == .badInput {
      throw Self.unknown(id)
    }
  }

  /// - Returns: the job as it is then.
  func cancel(_ id: JobID) async throws -> (JobRecord, JobFigures?) {
    _ = try await find(id)
    _ = try await link.ask(.cancelJob(id))
    return try await find(id)
  }

  /// - Returns: the new job, which goes on by itself and belongs to whom the first one did.
  func retry(_ id: JobID) async throws -> JobRecord {
    _ = try await find(id)
    guard case .accepted(let record) = try await link.ask(.retryJob(id)) else { throw Self.surprise }
    return record
  }

  private func isVisible(_ record: JobRecord, to client: String) -> Bool {
    tenant.map { record.owner == JobOwner(client: client, tenant: $0) } ?? true
  }

  private static func unknown(_ id: JobID) -> OpenAIError {
    OpenAIError(.notFound, "there is no job \(id)", param: "job", code: "job_not_found")
  }

  private static let surprise = ApusError(.bug, "the coordinator answered with something else")
}
