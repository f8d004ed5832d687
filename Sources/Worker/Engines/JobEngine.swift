import Engines
import Serving
import Synchronization

/// An engine as jobs share it: its process, and what it was asked since its start where it may have restored slots.
final class JobEngine: PooledEngine {
  let process: EngineProcess
  /// Nil where it restores none.
  private let slots: Mutex<RestoredSlots?>

  init(_ process: EngineProcess, restoresSlots: Bool) {
    self.process = process
    slots = Mutex(restoresSlots ? RestoredSlots() : nil)
  }

  /// Has `run` run a job here.
  ///
  /// - Returns: its answer, and whether a restored slot spared it the reading of some of its prompt.
  func following(
    _ spec: JobSpec, begun: String, _ run: () async -> JobAnswer
  ) async -> (answer: JobAnswer, wasSpared: Bool) {
    guard let ownBytes = slots.withLock({ $0?.ownBytes(spec, begun: begun) }) else { return (await run(), false) }
    let answer = await run()
    slots.withLock { $0?.add(spec, output: answer.output) }
    let isComplete = answer.measurement.outcome.metrics != nil
    let wasSpared = answer.measurement.samples.contains {
      RestoredSlots.spared($0, spec, begun: begun, ownBytes: ownBytes)
    }
    return (answer, isComplete && wasSpared)
  }

  func exit() async -> EngineFailure? { await process.exit() }
  func stop() async -> EngineUsage { await process.stop() }
  func peakMemoryBytes() async -> Int { await process.peakMemoryBytes() }
}
