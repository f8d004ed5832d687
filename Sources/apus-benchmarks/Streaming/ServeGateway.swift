import ArgumentParser
import Foundation
import Gateway
import Logging
import Messaging
import Serving

/// The gateway under test in a process of its own. Prints its port and serves until its standard input closes.
struct ServeGateway: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve-gateway", shouldDisplay: false)

  @Option var state: String
  @Option var coordinator: String

  func run() async throws {
    let ring = KeyRing(directory: state + "/keys")
    let endpoint = try ZeroMQClientEndpoint(
      options: ZeroMQClientOptions(
        address: coordinator, keys: try ring.pair("gateway"), serverKey: try ring.publicKey("coordinator")))
    let gateway = Gateway(
      GatewayConfiguration(port: 0), endpoint: endpoint, address: coordinator, forms: .none, apiKey: nil,
      logger: Logger(label: "gateway") { _ in SwiftLogNoOpLogHandler() })
    let running = Task {
      try await gateway.run { port in FileHandle.standardOutput.write(Data("\(port)\n".utf8)) }
    }
    await Lifeline.untilCut()
    running.cancel()
    try await running.value
  }
}

extension APIForms {
  /// Routes that are not measured.
  fileprivate static let none = APIForms(
    job: { _, _ in "{}" }, jobs: { _ in "{}" }, workers: { _ in "{}" }, models: { _ in "{}" }, stats: { _ in "{}" },
    recommendation: { _ in "{}" },
    query: { (model, _) throws(ApusError) in RecommendQuery(model: model.id, workload: .chat, objective: .e2e) })
}
