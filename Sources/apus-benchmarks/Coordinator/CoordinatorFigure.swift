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
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard peers > 0, inFlight > 0, (0...16).contains(chunks), jobs > 0, rounds > 0 else {
      throw ValidationError("every count is at least 1, and --chunks from 0 to 16")
    }
  }

  func run() async throws {
    var report = FigureReport(figure: "coordinator", method: [])
    let keys = try PeerKeys(count: peers)
    var memory: [WireLoad.Outcome] = []
    var sqlite: [WireLoad.Outcome] = []
    var echo: [Double] = []
    for _ in 0..<rounds {
      memory.append(try await load(keys, .memory))
      let last = memory[memory.count - 1]
      echo.append(
        try await EchoRun(
          state: keys.state, client: keys.client, peers: peers, inFlight: inFlight, bodies: last.bodies,
          warmUpRoundTrips: jobs / 10, roundTrips: (last.received + last.sent) / 2
        ).run())
      sqlite.append(try await load(keys, .sqlite))
    }
    fill(&report, memory, echo, sqlite)
    report.print(asJSON: json)
  }

  private func fill(
    _ report: inout FigureReport, _ memory: [WireLoad.Outcome], _ echo: [Double], _ sqlite: [WireLoad.Outcome]
  ) {
    func perMessage(_ run: WireLoad.Outcome) -> Double { run.cpuSeconds / Double(run.received + run.sent) }
    let ratios = zip(memory, echo).map { perMessage($0) / $1 }
    let storedRatios = zip(sqlite, echo).map { perMessage($0) / $1 }
    let one = memory[0]
    report.add("cpu_over_echo", "CPU for a message / echo", Percentiles(ratios).p50, "x", target: 3)
    report.add("cpu_over_echo_least", "  least of the runs", Percentiles(ratios).least, "x")
    report.add("cpu_over_echo_most", "  most of the runs", Percentiles(ratios).most, "x")
    report.add("cpu_per_message_us", "coordinator, for a message", Percentiles(memory.map(perMessage)).p50 * 1e6, "us")
    report.add("echo_cpu_per_message_us", "echo, for a message", Percentiles(echo).p50 * 1e6, "us")
    report.add(
      "cpu_per_job_us", "coordinator, for a job", Percentiles(memory.map { $0.cpuSeconds / Double($0.jobs) }).p50 * 1e6,
      "us")
    report.add(
      "jobs_per_s", "jobs in a second", Percentiles(memory.map { Double($0.jobs) / $0.wallSeconds }).p50, "/s")
    report.add(
      "sqlite_cpu_per_message_us", "with SQLite, for a message", Percentiles(sqlite.map(perMessage)).p50 * 1e6, "us")
    report.add("sqlite_cpu_over_echo", "with SQLite / echo", Percentiles(storedRatios).p50, "x")
    report.add(
      "sqlite_jobs_per_s", "with SQLite, jobs in a second",
      Percentiles(sqlite.map { Double($0.jobs) / $0.wallSeconds }).p50, "/s")
    report.add("received_per_job", "messages received for a job", Double(one.received) / Double(one.jobs), "")
    report.add("sent_per_job", "messages sent for a job", Double(one.sent) / Double(one.jobs), "")
    report.add("mean_message_bytes", "mean size of a message", Double(one.bytes) / Double(one.received + one.sent), "B")
    report.method = [
      "\(peers) workers with \(inFlight) jobs each in flight and one client that submits a job for each that ends, over TCP on "
        + "the loopback interface with CURVE; each server is a process of its own, and its CPU is user and system time of "
        + "all its threads, libzmq's included",
      "a worker answers an assignment at once with its report"
        + (chunks == 0 ? "" : " after \(chunks) token chunks, each of which is relayed to the client"),
      "messages are counted by the peers: received are submit and report\(chunks == 0 ? "" : " and token chunks"), sent are "
        + "accepted, assignment, report stored and job ended\(chunks == 0 ? "" : " and token chunks")",
      "the echo is Sources/CEchoBenchmark: a ROUTER in C that sends every message back, for peers with as many in flight; it "
        + "echoes the \(one.bodies.count) messages of one of these jobs in turns, so that it moves the same bytes in both "
        + "directions; a message that comes and goes back counts as two",
      "store writes are left out of the first figures by a store in memory, whose own bookkeeping is in them; trainings are "
        + "left out of all, rankings and heartbeats are in",
      "\(rounds) rounds of coordinator, echo, coordinator with SQLite, \(jobs) jobs each after \(jobs / 10) to warm up; "
        + "medians over the rounds, ratios within a round",
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
          preconditionFailure("the coordinator under test has ended")
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
    return outcome
  }
}
