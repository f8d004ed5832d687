import Foundation
import History
import Serving
import TestKit
import Testing

/// What a file adds to the contract: it lasts, it can be full, broken, foreign, or not there.
@Suite struct SQLiteHistoryStoreTests {
  let directory: TemporaryFolder

  init() throws { directory = TemporaryFolder() }

  @Test func lastsAfterClosing() async throws {
    var examples = HistoryExamples(seed: 1)
    let measurement = examples.measurement("m1")
    let job = HistoryExamples.job("j1", key: "k")
    let first = try SQLiteHistoryStore(path: directory.file())
    try await first.append([.measurement(measurement), .job(job)])
    await first.close()
    let log = try? FileManager.default.attributesOfItem(atPath: directory.file() + "-wal")[.size] as? Int
    #expect(log == nil || log == 0, "closing leaves everything in one file")

    let second = try SQLiteHistoryStore(path: directory.file())
    #expect(try await second.measurement(measurement.id) == measurement)
    #expect(try await second.unfinishedJobs() == [job])
    await second.close()
  }

  /// A power cut may not take an acknowledged commit: the log is on, and each commit is forced to the disk (2 is FULL).
  @Test func forcesCommitsToTheDisk() async throws {
    let store = try SQLiteHistoryStore(path: directory.file())
    #expect(try await store.durability() == SQLiteHistoryStore.Durability(journalMode: "wal", synchronous: 2))
    await store.close()
  }

  /// Prompts and answers are nobody else's business.
  @Test func isReadableByItsOwnerOnly() async throws {
    let store = try SQLiteHistoryStore(path: directory.file())
    try await store.append([.job(HistoryExamples.job("j1"))])
    for file in [directory.file(), directory.file() + "-wal"] {
      let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(file)")
    }
    await store.close()
  }

  @Test func othersReadWhileItWrites() async throws {
    let writer = try SQLiteHistoryStore(path: directory.file())
    let reader = try SQLiteHistoryStore(path: directory.file())
    try await writer.append([.job(HistoryExamples.job("j1"))])
    #expect(try await reader.job(JobID("j1")) != nil)
    await writer.close()
    try await reader.append([.job(HistoryExamples.job("j2"))])
    await reader.close()
  }

  /// Several processes may open a new history at once; each finds the whole schema.
  @Test func opensOnceForAll() async throws {
    let path = directory.file()
    try await withThrowingTaskGroup { group in
      for number in 0..<6 {
        group.addTask {
          let store = try SQLiteHistoryStore(path: path)
          try await store.append([.job(HistoryExamples.job("j\(number)"))])
          await store.close()
        }
      }
      try await group.waitForAll()
    }
    let store = try SQLiteHistoryStore(path: path)
    #expect(try await store.stats().jobCount == 6)
    #expect(try await HistoryCheck.run(store) == [])
    await store.close()
  }

  /// A full disk refuses with `disk`, keeps what was acknowledged, lets small records in while they fit, and works
  /// again once there is room.
  @Test func survivesAFullDisk() async throws {
    var examples = HistoryExamples(seed: 2)
    let store = try SQLiteHistoryStore(
      path: directory.file(), options: SQLiteHistoryStore.Options(maximumBytes: 400_000))
    var accepted: [Measurement] = []
    var failure: ApusError?
    for number in 0..<1_000 where failure == nil {
      let measurement = examples.measurement("m\(number)")
      failure = await refusal { () throws(ApusError) in try await store.append([.measurement(measurement)]) }
      if failure == nil { accepted.append(measurement) }
    }
    #expect(failure?.code == .disk)
    #expect(failure?.description.contains(directory.file()) == true)
    #expect(failure?.advice.contains("free space") == true)
    #expect(accepted.count > 10)
    let kept = try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement)
    #expect(kept == accepted, "what was acknowledged, and nothing else")
    #expect(try await HistoryCheck.run(store) == [])
    await store.close()

    let roomy = try SQLiteHistoryStore(path: directory.file())
    let late = examples.measurement("late")
    try await roomy.append([.measurement(late)])
    #expect(try await roomy.measurement(late.id) == late)
    await roomy.close()
  }

  /// One append too big for the disk that is left does not take the others of its group with it.
  @Test func aGroupFailsOneByOne() async throws {
    let store = try SQLiteHistoryStore(
      path: directory.file(), options: SQLiteHistoryStore.Options(maximumBytes: 600_000))
    let outcomes = await withTaskGroup(of: (Int, FailureCode?).self) { group in
      for number in 0..<30 {
        group.addTask {
          var examples = HistoryExamples(seed: UInt64(number))
          let tokens = number % 10 == 5 ? 100_000 : 4
          let measurement = examples.measurement("m\(number)", requests: 1, tokensPerRequest: tokens)
          let failure = await refusal { () throws(ApusError) in try await store.append([.measurement(measurement)]) }
          return (number, failure?.code)
        }
      }
      return await group.reduce(into: [Int: FailureCode?]()) { $0[$1.0] = $1.1 }
    }
    for number in 0..<30 {
      #expect(outcomes[number] == (number % 10 == 5 ? .some(.disk) : .some(nil)), "append \(number)")
    }
    #expect(try await store.stats().measurementCount == 27)
    await store.close()
  }

  @Test func refusesWhatIsNoDatabase() async throws {
    try Data(repeating: 0x41, count: 5_000).write(to: URL(fileURLWithPath: directory.file()))
    let error = await refusal { () throws(ApusError) in _ = try SQLiteHistoryStore(path: directory.file()) }
    #expect(error?.code == .badInput)
    #expect(error?.advice.isEmpty == false)
    #expect(try Data(contentsOf: URL(fileURLWithPath: directory.file())) == Data(repeating: 0x41, count: 5_000))
  }

  @Test func refusesAnotherProgramsDatabase() async throws {
    try directory.execute("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)", on: directory.file())
    let before = try Data(contentsOf: URL(fileURLWithPath: directory.file()))
    let error = await refusal { () throws(ApusError) in _ = try SQLiteHistoryStore(path: directory.file()) }
    #expect(error?.code == .badInput)
    #expect(error?.reason.contains("another program") == true)
    #expect(try Data(contentsOf: URL(fileURLWithPath: directory.file())) == before, "not a byte of it was changed")
  }

  @Test func refusesANewerHistory() async throws {
    await (try SQLiteHistoryStore(path: directory.file())).close()
    try directory.execute("INSERT INTO grdb_migrations VALUES ('9-from-the-future')", on: directory.file())
    let error = await refusal { () throws(ApusError) in _ = try SQLiteHistoryStore(path: directory.file()) }
    #expect(error?.code == .badInput)
    #expect(error?.reason.contains("9-from-the-future") == true)
  }

  @Test func refusesWhereThereIsNoDirectory() async throws {
    for path in [directory.path, directory.file("missing/history.sqlite"), "/proc/history.sqlite"] {
      let error = await refusal { () throws(ApusError) in _ = try SQLiteHistoryStore(path: path) }
      #expect(error?.code == .disk, "\(path)")
      #expect(error?.reason.contains(path) == true)
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may write any file"))
  func refusesAReadOnlyFile() async throws {
    await (try SQLiteHistoryStore(path: directory.file())).close()
    try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: directory.file())
    let error = await refusal { () throws(ApusError) in _ = try SQLiteHistoryStore(path: directory.file()) }
    #expect(error?.code == .disk)
  }

  /// Damage in the middle of the file is `badInput` for whoever reads it, and never ends the process.
  @Test func saysWhenItIsDamaged() async throws {
    var examples = HistoryExamples(seed: 3)
    let store = try SQLiteHistoryStore(path: directory.file())
    try await store.append((0..<200).map { _ in .measurement(examples.measurement(requests: 1)) })
    await store.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.file()))
    for page in stride(from: 8, to: bytes.count / 4096, by: 2) {
      bytes.replaceSubrange(page * 4096..<page * 4096 + 512, with: Data(repeating: 0xEE, count: 512))
    }
    try bytes.write(to: URL(fileURLWithPath: directory.file()))

    let error = await refusal { () throws(ApusError) in
      let broken = try SQLiteHistoryStore(path: directory.file())
      _ = try await broken.measurements(MeasurementFilter(), includingSamples: true)
    }
    #expect(error?.code == .badInput)
    #expect(error?.advice.contains("apus history check") == true)
  }
}
