import Logging
import Messaging
import Serving

@testable import Gateway

/// A gateway for tests, with a coordinator that is never there unless an endpoint is given.
enum TestGateway {
  static func make(_ configuration: GatewayConfiguration = GatewayConfiguration(port: 0)) -> Gateway {
    Gateway(
      configuration, endpoint: NobodyThere(), address: "nowhere", forms: forms, apiKey: nil,
      logger: Logger(label: "test"))
  }

  static let forms = APIForms(
    job: { job, _ in "{\"job\":\"\(job.id)\"}" }, jobs: { _ in "{}" }, workers: { _ in "{}" }, models: { _ in "{}" },
    stats: { _ in "{}" },
    recommendation: { _ in "{}" },
    query: { (model, _) throws(ApusError) in RecommendQuery(model: model.id, workload: .chat, objective: .e2e) })

  private final class NobodyThere: ClientEndpoint {
    let events = AsyncStream<ConnectionEvent> { $0.finish() }
    func send(_ message: Message) async throws(ApusError) {}
    func close() {}
  }
}
