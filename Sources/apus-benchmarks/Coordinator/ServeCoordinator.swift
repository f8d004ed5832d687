import ArgumentParser
import Coordinator
import Engines
import Foundation
import History
import Messaging
import Serving
import TestKit

/// The coordinator under test in a process of its own, so that its CPU time is its own. Prints its address and serves
/// until its standard input closes.
struct ServeCoordinator: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve-coordinator", shouldDisplay: false)

  enum Store: String, ExpressibleByArgument, CaseIterable { case none, memory, sqlite }

  @Option var state: String
  @Option var store: Store

  func run() async throws {
    let ring = KeyRing(directory: state + "/keys")
    let endpoint = try ZeroMQServerEndpoint(
      options: ServerOptions(
        address: "tcp://127.0.0.1:0", keys: try ring.pair("coordinator"), authorized: AuthorizedKeys(ring: ring)))
    let history: any HistoryStore =
      switch store {
      case .none: ForgetfulStore()
      case .memory: InMemoryHistoryStore()
      case .sqlite: try SQLiteHistoryStore(path: state + "/history.sqlite")
      }
    let scripted = ScriptedEngine()
    let coordinator = JobCoordinator(
      endpoint: endpoint, store: history, configuration: .measured,
      engines: [SyntheticHistory.engine: SyntheticHistory.abilities, scripted.name: scripted.abilities],
      trainer: NoTraining())
    try await coordinator.start()
    FileHandle.standardOutput.write(Data((endpoint.address + "\n").utf8))
    await Lifeline.untilCut()
    await coordinator.stop()
    await history.close()
  }
}

extension CoordinatorConfiguration {
  /// As it comes, but without trainings: those run in a process of their own and are no part of serving.
  static var measured: CoordinatorConfiguration { CoordinatorConfiguration(retrainAfter: .max) }
}

/// Never asked, because no training is ever due.
struct NoTraining: ModelTraining {
  func train() async throws(ApusError) -> String {
    throw ApusError(.unavailable, "this benchmark trains nothing while it measures")
  }
}
