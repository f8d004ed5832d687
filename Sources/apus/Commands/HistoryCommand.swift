import Acceleration
import ArgumentParser
import Foundation
import History
import Serving

/// `apus history`: what was measured, in and out of the database.
struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Import, export, count, check, recover and compact the history.",
    subcommands: [HistoryImportCommand.self, Export.self, Stats.self, Check.self, Recover.self, Compact.self])

  struct Common: ParsableArguments {
    @Option(help: "State directory of the coordinator.")
    var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
    @Flag(help: "Print one JSON object.") var json = false

    var path: String { StateDirectory(state).history }

    /// - Throws: `badInput` when there is no history yet: reading must not make one.
    func open() throws(ApusError) -> SQLiteHistoryStore {
      try checkExists()
      return try SQLiteHistoryStore(path: path)
    }

    /// - Throws: `badInput` when there is no history yet.
    func checkExists() throws(ApusError) {
      guard FileManager.default.fileExists(atPath: path) else {
        throw ApusError(
          .badInput, "there is no history at \(path)", advice: "name the coordinator's state directory with --state")
      }
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write all measurements as tidy CSV.")
    @OptionGroup var common: Common
    @Option(help: "File to write; - for standard output.") var output = "-"

    func run() async throws {
      let store = try common.open()
      let count = try await MeasurementCSV.export(store, to: output)
      await store.close()
      if common.json {
        FileHandle.standardError.write(
          Data((JSONValue.object([("exported_count", .int(count))]).text + "\n").utf8))
      } else {
        Console.note("exported \(count) measurements")
      }
    }
  }

  struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "What the history holds.")
    @OptionGroup var common: Common

    func run() async throws {
      let store = try common.open()
      let stats = try await store.stats()
      let memory = try await Self.memoryAccuracy(store)
      await store.close()
      let outcomes = stats.outcomes.sorted { $0.key < $1.key }
      Console.print(
        common.json
          ? JSONValue.object([
            ("job_count", .int(stats.jobCount)), ("measurement_count", .int(stats.measurementCount)),
            ("model_count", .int(stats.modelCount)), ("node_count", .int(stats.nodeCount)),
            ("database_bytes", .int(stats.databaseBytes)), ("memory_forecast", Self.json(memory.main)),
            ("accelerator_memory_forecast", Self.json(memory.accelerators)),
            ("outcomes", .object(outcomes.map { ($0.key, .int($0.value)) })),
          ]).text
          : """
          jobs          \(stats.jobCount)
          measurements  \(stats.measurementCount) (\(outcomes.map { "\($0.value) \($0.key)" }.joined(separator: ", ")))
          models        \(stats.modelCount)
          nodes         \(stats.nodeCount)
          database      \(Figures.bytes(stats.databaseBytes))
          memory        \(Self.words(memory.main))
          GPU memory    \(Self.words(memory.accelerators))
          """)
    }

    /// How well memory was foreseen, over all measurements in the order stored.
    private static func memoryAccuracy(
      _ store: SQLiteHistoryStore
    ) async throws(ApusError) -> (main: MemoryAccuracy, accelerators: MemoryAccuracy) {
      var (main, accelerators) = (MemoryAccuracy(of: .main), MemoryAccuracy(of: .accelerators))
      var filter = MeasurementFilter(limit: 2000)
      while true {
        let page = try await store.measurements(filter, includingSamples: false)
        for stored in page {
          main.insert(stored.measurement)
          accelerators.insert(stored.measurement)
        }
        guard let last = page.last else { return (main, accelerators) }
        filter.afterRow = last.row
      }
    }

    private static func words(_ memory: MemoryAccuracy) -> String {
      guard let errors = memory.errors else { return "nothing was foreseen yet" }
      func percent(_ quantiles: MemoryAccuracy.Quantiles) -> String {
        String(format: "median %.1f%%, 90%% below %.1f%%", 100 * quantiles.median, 100 * quantiles.p90)
      }
      return "foreseen for \(memory.count) measurements; error \(percent(errors.corrected)) "
        + "(by the estimate alone: \(percent(errors.estimated))); \(memory.overrunCount) took more than was planned"
    }

    private static func json(_ memory: MemoryAccuracy) -> JSONValue {
      .object([
        ("measurement_count", .int(memory.count)),
        ("estimate_error_p50_share", JSONValue(memory.errors?.estimated.median)),
        ("estimate_error_p90_share", JSONValue(memory.errors?.estimated.p90)),
        ("corrected_error_p50_share", JSONValue(memory.errors?.corrected.median)),
        ("corrected_error_p90_share", JSONValue(memory.errors?.corrected.p90)),
        ("overrun_count", .int(memory.overrunCount)),
      ])
    }
  }

  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Look for damage. Exit status 65 when there is any.")
    @OptionGroup var common: Common

    func run() async throws {
      let findings = try await findings()
      Console.print(
        common.json
          ? JSONValue.object([("problems", JSONValue(strings: findings))]).text
          : (findings.isEmpty ? "no damage found" : findings.joined(separator: "\n")))
      if !findings.isEmpty {
        throw ApusError(
          .badInput, "the history at \(common.path) has \(findings.count) problems",
          advice: HistoryCheck.recoveryAdvice)
      }
    }

    private func findings() async throws(ApusError) -> [String] {
      do throws(ApusError) {
        let store = try common.open()
        let findings = try await HistoryCheck.run(store)
        await store.close()
        return findings
      } catch {
        let damage = HistoryCheck.damage(at: common.path)
        guard error.code == .badInput, !damage.isEmpty else { throw error }
        return damage
      }
    }
  }

  struct Recover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy what can be read of a damaged history into a new one. Stop the coordinator first.")
    @OptionGroup var common: Common
    @Option(help: "File to write; it must not exist. Default: history.recovered.sqlite in the state directory.")
    var to: String?

    func run() async throws {
      let directory = StateDirectory(common.state)
      try common.checkExists()
      let lock = try DirectoryLock(path: directory.coordinatorLock, advice: "stop it before its history is recovered")
      let target = to ?? directory.recoveredHistory
      let kept = try await HistoryRecovery.run(from: common.path, to: target)
      withExtendedLifetime(lock) {}
      guard !common.json else {
        let tables = kept.map { table in
          JSONValue.object([
            ("table", .string(table.table)), ("kept_count", .int(table.rowCount)),
            ("dropped_count", .int(table.droppedCount)), ("is_damaged", .bool(table.isDamaged)),
            ("missing_count", .int(table.missingCount)),
          ])
        }
        return Console.print(JSONValue.object([("path", .string(target)), ("tables", .array(tables))]).text)
      }
      var table = TextTable(["TABLE", ">KEPT", ">DROPPED", ">NOT FOUND"])
      for each in kept {
        let missing = each.missingCount > 0 ? "\(each.missingCount) or more" : "some, perhaps"
        table.add([each.table, String(each.rowCount), String(each.droppedCount), each.isDamaged ? missing : "0"])
      }
      Console.print(table.text())
      let path = common.path
      Console.note(
        """
        The copy is \(target). To go on with it:
          mv '\(path)' '\(path).damaged'; mv '\(path)-wal' '\(path).damaged-wal'; rm -f '\(path)-shm'; mv '\(target)' '\(path)'
        """)
    }
  }

  struct Compact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give unused space back. Stop the coordinator first.")
    @OptionGroup var common: Common
    @Option(help: "Drop raw samples of measurements older than so many days; their metrics stay.")
    var dropSamplesOlderThanDays: Int?

    func run() async throws {
      let directory = StateDirectory(common.state)
      let lock = try DirectoryLock(path: directory.coordinatorLock, advice: "stop it before its history is compacted")
      let store = try common.open()
      let before = try await store.stats().databaseBytes
      try await store.compact(droppingSamplesOlderThanDays: dropSamplesOlderThanDays)
      let after = try await store.stats().databaseBytes
      await store.close()
      withExtendedLifetime(lock) {}
      Console.print(
        common.json
          ? JSONValue.object([("before_bytes", .int(before)), ("after_bytes", .int(after))]).text
          : "\(Figures.bytes(before)) before, \(Figures.bytes(after)) after")
    }
  }
}
