public import Serving

/// Runs a trial: all its configurations in turns over the same prompts, one block at a time.
///
/// The machine is noisy, so configurations are compared within a round, not over the trial: their engines are loaded
/// side by side where memory allows, and for each workload and round each runs one block of the same fresh requests, in
/// shuffled order. Whatever goes wrong with one of them is its result; the others go on.
public struct TrialRunner: Sendable {
  public let host: EngineHost
  public let timing: TrialTiming

  public init(host: EngineHost, timing: TrialTiming = TrialTiming()) {
    self.host = host
    self.timing = timing
  }

  /// Runs until the last block, the time limit or the cancellation of the task, and reports each block as it ends.
  ///
  /// - Parameter report: called for one measurement after another; the Bool is true for the last one, and for exactly
  ///   one. By then all engines have ended, so that the machine is free for the next trial. A cancelled trial ends with
  ///   one measurement whose outcome is `cancelled`.
  public func run(
    _ spec: TrialSpec, report: @escaping @Sendable (Measurement, _ isLast: Bool) async -> Void
  ) async {
    var run = TrialRun(host: host, timing: timing, spec: spec)
    if let refusal = run.refusal {
      await report(refusal, true)
      return
    }
    let schedule = BlockSchedule(spec)
    guard spec.timeLimitSeconds > 0 else {
      await report(run.measurement(schedule.blocks[0], .timedOut(afterSeconds: 0)), true)
      return
    }
    for (index, block) in schedule.blocks.enumerated() {
      let measurement = await run.measure(block)
      // Decided before the report, as nothing follows the last one: a block that is promised here is started below.
      let isLast = index == schedule.blocks.count - 1 || Task.isCancelled || ContinuousClock.now >= run.deadline
      if isLast { await run.stopAll() }
      await report(isLast && Task.isCancelled ? run.measurement(block, .cancelled) : measurement, isLast)
      if isLast { return }
    }
  }
}
