import Foundation
import Serving

/// Remembers what a benchmark was asked until it has ended, so that an interrupted one can be gone on with.
///
/// What it measured is in the coordinator's history under the benchmark's name; here is only the question. It stays when
/// the coordinator, this client or the machine is killed in the middle.
struct BenchmarkJournal {
  /// Older questions are forgotten: nobody goes on with them.
  static let mostKept = 20

  let state: StateDirectory

  private func path(_ id: BenchmarkID) -> String { "\(state.benchmarks)/\(id).json" }

  /// Runs a benchmark and forgets it once it has ended, or was refused for what it asks. One that was broken off behind
  /// its beginning stays remembered.
  ///
  /// - Parameter run: calls what it is given when the benchmark has begun.
  func keeping<Result>(
    _ spec: BenchmarkSpec, _ run: (_ begun: () throws -> Void) async throws -> Result
  ) async throws -> Result {
    var hasBegun = false
    do {
      let result = try await run {
        try remember(spec)
        hasBegun = true
      }
      forget(spec)
      return result
    } catch let error as ApusError where error.code == .badInput || error.code == .usage {
      forget(spec)
      throw error
    } catch let error as ApusError where error.isRetriable && hasBegun {
      throw ApusError(
        error.code, error.reason,
        advice: "what was measured is kept: the same command with --resume goes on once a coordinator answers")
    }
  }

  /// One that stays in spite of this is resumed to its end at once.
  private func forget(_ spec: BenchmarkSpec) { try? FileManager.default.removeItem(atPath: path(spec.id)) }

  /// The question of the latest benchmark of the same models, workloads, methods, workers and objective that has not
  /// ended; with the budget asked now.
  ///
  /// - Throws: `badInput` when there is none.
  func interrupted(like spec: BenchmarkSpec) throws(ApusError) -> BenchmarkSpec {
    let known = questions.last { $0.asksTheSame(as: spec) }
    guard var known else {
      throw ApusError(
        .badInput, "no interrupted benchmark of these models and workloads is known in \(state.benchmarks)",
        advice: "run it without --resume")
    }
    known.budgetSeconds = spec.budgetSeconds
    return known
  }

  private func remember(_ spec: BenchmarkSpec) throws(ApusError) {
    do {
      try FileManager.default.createDirectory(atPath: state.benchmarks, withIntermediateDirectories: true)
      try JSONEncoder().encode(spec).write(to: URL(fileURLWithPath: path(spec.id)), options: .atomic)
    } catch {
      throw ApusError(
        .disk, "cannot write \(path(spec.id)): \(error.localizedDescription)",
        advice: "give a writable place with --state DIR")
    }
    for old in questions.dropLast(Self.mostKept) {
      try? FileManager.default.removeItem(atPath: path(old.id))  // one that stays is only never resumed
    }
  }

  /// Oldest first. What cannot be read is no question of ours.
  private var questions: [BenchmarkSpec] {
    let folder = URL(fileURLWithPath: state.benchmarks)
    let files =
      (try? FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.contentModificationDateKey])) ?? []
    let dated = files.filter { $0.pathExtension == "json" }.map { file in
      (
        (try? file.resourceValues(forKeys: [.contentModificationDateKey]))?.contentModificationDate ?? .distantPast,
        file
      )
    }
    return dated.sorted { ($0.0, $0.1.path) < ($1.0, $1.1.path) }.compactMap { _, file in
      (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(BenchmarkSpec.self, from: $0) }
    }
  }
}

extension BenchmarkSpec {
  fileprivate func asksTheSame(as other: BenchmarkSpec) -> Bool {
    models == other.models && workloads == other.workloads && methods == other.methods && workers == other.workers
      && objective == other.objective
  }
}
