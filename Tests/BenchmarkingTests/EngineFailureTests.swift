import Benchmarking
import Engines
import FoundationEssentials
import Glibc
import Serving
import TestKit
import Testing

/// Every way an engine of ours can fail: a recorded outcome with its last lines, no process left, and the next trial on the
/// same host measured as if nothing was.
@Suite("Engine failures", .serialized, .timeLimit(.minutes(10))) struct EngineFailureTests {
  struct Case: CustomStringConvertible, Sendable {
    var description: String
    var kind = "engine_failed"
    var says = ""
    var set: @Sendable (inout ScriptedEngine.Script) -> Void
  }

  static let cases: [Case] = [
    Case(description: "does not start", says: "failing at the start as told") { $0.failStart = 2 },
    Case(description: "never gets ready", kind: "timed_out") { $0.hang = .start },
    Case(description: "crashes", says: "dying as told") { $0.dieAfterTokens = 2 },
    Case(description: "says nothing", kind: "timed_out") { $0.hang = .request },
    Case(description: "stalls and takes no SIGTERM", kind: "timed_out") {
      $0.hang = .stream
      $0.ignoresSIGTERM = true
    },
    Case(description: "eats memory", kind: "out_of_memory", says: "its limit is") {
      $0.eatMegabytesPerSecond = 1000
      // It comes to no end of its own.
      $0.itlMS = 60_000
    },
    Case(description: "generates without end", says: "it goes on after") { $0.endless = true },
    Case(description: "talks nonsense", says: "not understood") { $0.garbage = true },
  ]

  /// A vocabulary no other test has, of this process or another, marks this test's engines among all processes.
  private static let marker = 1_000_000_000 + Int(getpid())

  /// - Parameter isImpatient: for engines that must be cut off; the others end by themselves, however slow the machine.
  private func trial(
    isImpatient: Bool = false, _ set: @Sendable (inout ScriptedEngine.Script) -> Void
  ) async throws -> [Measurement] {
    var engine = ScriptedEngine(script: ScriptedEngine.Script { $0.vocabulary = Self.marker })
    set(&engine.script)
    engine.startTimeoutSeconds = isImpatient ? 4 : 40
    let host = try scriptedHost(engine, memoryLimitBytes: 250 << 20)
    let candidate = Candidate(configuration: EngineConfiguration(engine: engine.name), fidelity: .exact)
    let spec = TrialSpec(
      id: TrialID("t"), benchmark: BenchmarkID("b"), purpose: .screening, model: ModelProfile.scripted.id,
      candidates: [candidate],
      workloads: [Workload(name: "w", promptTokens: 8...8, outputTokens: 4...4, requestCount: 1)], rounds: 1, seed: 1,
      timeLimitSeconds: 900)
    let reports = Reports()
    let timing = TrialTiming(
      blockSeconds: isImpatient ? 6 : 600, stallSeconds: isImpatient ? 2 : 300, slowestPrefillRate: 1000)
    await TrialRunner(host: host, timing: timing).run(spec) { await reports.add($0, $1) }
    #expect(await reports.endsOnce)
    return await reports.measurements
  }

  @Test(arguments: cases) func isAnOutcomeAndLeavesNothing(failure: Case) async throws {
    let measurements = try await trial(isImpatient: failure.kind == "timed_out", failure.set)
    #expect(measurements.count == 1)
    let outcome = try #require(measurements.first).outcome
    #expect(outcome.kind == failure.kind && (failure.says.isEmpty || "\(outcome)".contains(failure.says)), "\(outcome)")
    #expect(Self.marked().isEmpty, "left behind: \(Self.marked())")
    let after = try await trial { _ in }
    #expect(after.first?.outcome.metrics?.outputTokenCount == 4, "\(after.map(\.outcome))")
    #expect(Self.marked().isEmpty)
  }

  /// Command lines of the engines this test started and that still live.
  private static func marked() -> [String] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.filter { Int($0) != nil }.compactMap { process in
      guard let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return nil }
      let text = String(decoding: data, as: UTF8.self)
      return text.contains("\"vocabulary\":\(marker)") ? text : nil
    }
  }
}
