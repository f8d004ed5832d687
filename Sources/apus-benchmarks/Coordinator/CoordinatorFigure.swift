import ArgumentParser
import Foundation
import Messaging
import Serving
import ZeroMQ

/// What the coordinator spends on a message of a dispatched job, against a plain C echo of the same bytes.
struct CoordinatorFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator", abstract: "CPU for each job message against a C echo of the same bytes, CURVE on.")

  @Option(help: "Workers.") var peers = 16
  @Option(help: "Jobs each worker runs at once.") var inFlight = 8
  @Option(help: "Token chunks each job streams.") var chunks = 0
  @Option(help: "Measured jobs in each run.") var jobs = 20_000
  @Option(help: "Runs of each server, in turns.") var rounds = 3
  @Flag(help: "Leave out the runs with a store.") var withoutStores = false
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard peers > 0, inFlight > 0, (0...16).contains(chunks), jobs > 0, rounds > 0 else {
      throw ValidationError("every count is at least 1, and --chunks from 0 to 16")
    }
  }

  /// What is measured beside the coordinator without a store.
  private var stores: [ServeCoordinator.Store] { withoutStores ? [] : [.memory, .sqlite] }

  /// What ran in one round.
  private struct Round {
    /// With no store, one in memory, and SQLite.
    var coordinators: [ServeCoordinator.Store: WireLoad.Outcome] = [:]
    /// CPU seconds of the echo for a message.
    var echo = 0.0

    func perMessage(_ store: ServeCoordinator.Store) -> Double {
      guard let run = coordinators[store] else { preconditionFailure("a round runs every store") }
      return run.cpuSeconds / Double(run.received + run.sent)
    }
  }

  func run() async throws {
    var report = FigureReport(figure: "coordinator", method: [])
    let keys = try PeerKeys(count: peers)
    var results: [Round] = []
    for _ in 0..<rounds {
      var round = Round()
      let plain = try await load(keys, .none)
      round.coordinators[.none] = plain
      round.echo = try await EchoRun(
        state: keys.state, client: keys.client, peers: peers, inFlight: inFlight, bodies: plain.bodies,
        warmUpRoundTrips: jobs / 10, roundTrips: (plain.received + plain.sent) / 2
      ).run()
      for store in stores { round.coordinators[store] = try await load(keys, store) }
      results.append(round)
    }
    fill(&report, results)
    report.print(asJSON: json)
  }

  private func fill(_ report: inout FigureReport, _ rounds: [Round]) {
    func median(_ value: (Round) -> Double) -> Double { Percentiles(rounds.map(value)).p50 }
    let ratios = Percentiles(rounds.map { $0.perMessage(.none) / $0.echo })
    report.add("cpu_over_echo", "CPU for a message / echo", ratios.p50, "x", target: 3)
    report.add("cpu_over_echo_least", "  least of the rounds", ratios.least, "x")
    report.add("cpu_over_echo_most", "  most of the rounds", ratios.most, "x")
    report.add("echo_cpu_per_message_us", "echo, CPU for a message", median(\.echo) * 1e6, "us")
    for (store, key, name) in [
      (ServeCoordinator.Store.none, "", "coordinator"), (.memory, "memory_", "with a store in memory"),
      (.sqlite, "sqlite_", "with SQLite"),
    ] {
      let runs = rounds.compactMap { $0.coordinators[store] }
      guard !runs.isEmpty else { continue }
      report.add(
        "\(key)cpu_per_message_us", "\(name), CPU for a message", median { $0.perMessage(store) } * 1e6, "us")
      report.add(
        "\(key)cpu_per_job_us", "  for a job", Percentiles(runs.map { $0.cpuSeconds / Double($0.jobs) }).p50 * 1e6,
        "us")
      report.add(
        "\(key)jobs_per_s", "  jobs in a second", Percentiles(runs.map { Double($0.jobs) / $0.wallSeconds }).p50, "/s")
    }
    guard let one = rounds[0].coordinators[.none] else { return }
    let echoed = one.bodies.reduce(0) { $0 + $1.count }
    report.add("received_per_job", "messages received for a job", Double(one.received) / Double(one.jobs), "")
    report.add("sent_per_job", "messages sent for a job", Double(one.sent) / Double(one.jobs), "")
    report.add("mean_message_bytes", "mean size of a message", Double(one.bytes) / Double(one.received + one.sent), "B")
    report.add("echo_mean_message_bytes", "mean size of the echo's", Double(echoed) / Double(one.bodies.count), "B")
    let chunkWords = chunks == 0 ? "" : " and token chunks"
    report.method = [
      "\(peers) workers with \(inFlight) jobs each in flight and one client that submits a job for each that ends, over TCP on "
        + "the loopback interface with CURVE; each server is a process of its own, and its CPU is user and system time of "
        + "all its threads, libzmq's included",
      "a worker answers an assignment at once with its report"
        + (chunks == 0 ? "" : " after \(chunks) token chunks, each of which is relayed to the client"),
      "messages are counted by the peers: received are submit, report\(chunkWords) and heartbeats, sent are accepted, "
        + "assignment, report stored, job ended\(chunkWords)",
      "the echo is Sources/CEchoBenchmark: a ROUTER in C that sends every message back, for peers with as many in flight; it "
        + "echoes the \(one.bodies.count) messages of one of these jobs in turns, so that it moves the same bytes; a message "
        + "that comes and goes back counts as two",
      "store writes are left out of the first figures: their store forgets at once; "
        + (withoutStores ? "" : "a store in memory and SQLite stand beside; ")
        + "trainings are left out of all, rankings are in",
      "\(self.rounds) rounds of coordinator, echo\(withoutStores ? "" : ", coordinator with either store"), \(jobs) jobs each after \(max(1, jobs / 10)) "
        + "to warm up; medians over the rounds, ratios within a round",
    ]
  }

  private func load(_ keys: PeerKeys, _ store: ServeCoordinator.Store) async throws -> WireLoad.Outcome {
    let state = try TemporaryState()
    try keys.copy(to: state)
    let server = try ChildService.start(
      [
        ChildService.program("apus-benchmarks"), "serve-coordinator", "--state", state.path, "--store", store.rawValue,
      ])
    let address = try await server.nextLine()
    let processID = try server.processID()
    let options = WireLoad.Options(
      address: address, serverKey: try keys.state.ring.publicKey("coordinator"), workers: keys.workers,
      client: keys.client, capacity: inFlight, chunks: chunks, warmUpJobs: max(1, jobs / 10), jobs: jobs,
      cpuSeconds: {
        do {
          return try ProcessFigures.cpuSeconds(of: processID)
        } catch {
          fatalError("the coordinator under test has ended")
        }
      })
    let loop = PollLoop(name: "apus-load")
    let (outcomes, continuation) = AsyncStream.makeStream(of: WireLoad.Outcome.self)
    let load = LoopConfined(WireLoad(options, loop: loop) { continuation.yield($0) }, on: loop)
    load.perform { $0.start() }
    let outcome = await withTaskGroup(of: WireLoad.Outcome?.self) { group in
      group.addTask {
        for await outcome in outcomes { return outcome }
        return nil
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(300))
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    load.perform { $0.stop() }
    await server.stop()
    guard let outcome else {
      throw ApusError(.unavailable, "the coordinator did not do \(jobs) jobs within five minutes")
    }
    guard !outcome.bodies.isEmpty else {
      throw ApusError(
        .badInput, "no job of \(jobs) was seen whole after the warm-up", advice: "measure more with --jobs")
    }
    return outcome
  }
}
