import ArgumentParser
import Coordinator
import Engines
import Foundation
import History
import Messaging
import Serving

/// `apus coordinator`: the service that keeps the history, routes jobs and plans trials.
struct CoordinatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator", abstract: "Run the coordinator until it is told to stop.",
    discussion:
      "Options come from flags, then APUS_* variables, then --config, then defaults (Deploy/config/coordinator.yaml).")

  @Option(help: "YAML file of options.") var config: String?
  @Option(help: "State directory. [default: .apus]") var state: String?
  @Option(help: "Address to listen on, port 0 for any. [default: tcp://127.0.0.1:7700]") var bind: String?
  @Option(help: "Milliseconds between heartbeats; a worker is lost after three. [default: 1000]") var heartbeatMs: Int?
  @Option(help: "Most jobs waiting at once. [default: 10000]") var queueLimit: Int?
  @Option(help: "Measurements between trainings. [default: 200]") var retrainAfter: Int?
  @Option(help: "Most of all jobs that may be used to learn, 0 to 0.5; 0 for none. [default: 0.05]")
  var explorationShare: Double?
  @Option(help: "Most that such a job may be expected to take, over the best choice's time. [default: 1.5]")
  var explorationMaxSlowdown: Double?
  @Option(help: "Most of all jobs that may go to a second node while the first is silent, 0 to 0.5. [default: 0.05]")
  var hedgeShare: Double?
  @Option(
    help:
      "How jobs are sent to nodes: \(RoutingPolicyName.allCases.map(\.rawValue).joined(separator: ", ")). [default: foreseen]"
  )
  var routing: String?
  @Option(help: "Whether idle workers load engines for jobs that are foreseen, true or false. [default: true]")
  var prewarm: Bool?
  @Flag(help: "Print one JSON line once it listens.") var json = false

  func run() async throws {
    let options = try ServiceOptions(
      path: config, section: "coordinator",
      allowed: [
        "state", "bind", "heartbeat_ms", "queue_limit", "retrain_after", "exploration_share",
        "exploration_max_slowdown", "hedge_share", "routing", "prewarm",
      ])
    let directory = StateDirectory(options.text("state", flag: state) ?? ".apus")
    try directory.create()
    let lock = try DirectoryLock(path: directory.coordinatorLock)
    var configuration = CoordinatorConfiguration(
      heartbeatMS: try options.number("heartbeat_ms", flag: heartbeatMs, default: 1000, in: 50...60_000),
      queueLimit: try options.number("queue_limit", flag: queueLimit, default: 10_000, in: 1...10_000_000),
      retrainAfter: try options.number("retrain_after", flag: retrainAfter, default: 200, in: 1...1_000_000),
      selectorPath: directory.selector)
    configuration.exploration = ExplorationPolicy(
      share: try options.number("exploration_share", flag: explorationShare, default: 0.05, in: 0...0.5),
      maxSlowdown: try options.number(
        "exploration_max_slowdown", flag: explorationMaxSlowdown, default: 1.5, in: 1...100))
    configuration.hedgeShare = try options.number(
      "hedge_share", flag: hedgeShare, default: CoordinatorConfiguration.usualHedgeShare, in: 0...0.5)
    configuration.routing = try Self.routing(options.text("routing", flag: routing))
    configuration.prewarms = try options.truth("prewarm", flag: prewarm, default: true)
    let ring = KeyRing(directory: directory.keys)
    let keys = try ring.pairMakingIfNeeded("coordinator")
    let store = try SQLiteHistoryStore(path: directory.history)
    let endpoint = try ZeroMQServerEndpoint(
      options: ServerOptions(
        address: options.text("bind", flag: bind) ?? "tcp://127.0.0.1:7700", keys: keys,
        authorized: AuthorizedKeys(ring: ring)))
    let installation = try EngineInstallation.standard(stateDirectory: directory.path)
    let engines = Dictionary(
      uniqueKeysWithValues: EngineCatalogue.all(installation).map { ($0.name, $0.abilities) })
    let coordinator = JobCoordinator(
      endpoint: endpoint, store: store, configuration: configuration, engines: engines,
      trainer: TrainerProcess(state: directory, guardPath: installation.guardPath))
    let logger = Service.logger("apus.coordinator")
    try await coordinator.start()
    try announce(endpoint.address, in: directory)
    logger.info("listening on \(endpoint.address), history \(directory.history)")
    if json { Console.print(JSONValue.object([("address", .string(endpoint.address))]).text) }
    try await Service.untilSignalled(
      { while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) } },
      stop: { logger.info("stopping") })
    await coordinator.stop()
    await store.close()
    try? FileManager.default.removeItem(atPath: directory.coordinatorAddress)  // a stale one only costs a time-out
    withExtendedLifetime(lock) {}
  }

  private static func routing(_ text: String?) throws(ApusError) -> RoutingPolicyName {
    guard let text else { return .foreseen }
    guard let policy = RoutingPolicyName(rawValue: text) else {
      throw ApusError(
        .usage, "the routing \(text) is none",
        advice: "give one of \(RoutingPolicyName.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return policy
  }

  private func announce(_ address: String, in directory: StateDirectory) throws(ApusError) {
    do {
      try address.write(toFile: directory.coordinatorAddress, atomically: true, encoding: .utf8)
    } catch {
      throw ApusError(.disk, "cannot write \(directory.coordinatorAddress): \(error.localizedDescription)")
    }
  }
}
