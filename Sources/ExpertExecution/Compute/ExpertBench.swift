import OpenBLAS
import Serving

/// What a host does with work: computes it on the experts of its shelf. Lives on the host's computing thread.
final class ExpertBench {
  /// What came of a batch.
  struct Result: Sendable {
    /// Half-precision sums, `[row][hidden]`.
    var sums: [UInt16]
    /// Seconds the work waited for its turn.
    var queuedSeconds: Double
    /// Seconds of computing, on the emulated machine where there is one.
    var computedSeconds: Double
    /// Seconds of computing here.
    var processorSeconds: Double
  }

  let shelf = ExpertShelf()
  private let emulated: EmulatedSpeed?
  private let computing: ExpertHostOptions.Computing

  init(emulated: EmulatedSpeed?, computing: ExpertHostOptions.Computing) {
    self.emulated = emulated
    self.computing = computing
    // Each host computes on one thread: several on a machine would otherwise fight for its cores.
    BLAS.setThreadCount(1)
  }

  /// - Throws: `badInput` for an expert that is not here, and for sums that half precision cannot hold.
  func run(_ work: ExpertWork, queuedAt: ContinuousClock.Instant) throws(ApusError) -> Result {
    let start = ContinuousClock.now
    let queued = (start - queuedAt).seconds
    guard computing == .experts else {
      return Result(sums: work.rows, queuedSeconds: queued, computedSeconds: 0, processorSeconds: 0)
    }
    let computed = try shelf.compute(work)
    guard HalfFloats.canHold(computed.sums) else {
      throw ApusError(
        .badInput, "sums of layer \(work.layer) are larger than half precision holds",
        advice: "check the rows: a normalized hidden state does not come near it")
    }
    let sums = [UInt16](unsafeUninitializedCapacity: computed.sums.count) { target, count in
      count = computed.sums.count
      guard let to = target.baseAddress else { return }
      computed.sums.withUnsafeBufferPointer {
        if let from = $0.baseAddress { HalfFloats.encode(from, into: to, count: count) }
      }
    }
    let processor = (ContinuousClock.now - start).seconds
    let seconds = max(processor, emulated?.seconds(computed, work: work) ?? 0)
    EmulatedSpeed.hold(seconds - processor)
    return Result(sums: sums, queuedSeconds: queued, computedSeconds: seconds, processorSeconds: processor)
  }
}
