import Foundation
import Serving
import Synchronization

/// Measures how fast the usable cores together read memory, the bound of token generation.
///
/// Every core reads a slice of its own of an array several times the size of the last-level caches, again and again,
/// and the best pass counts: other work on the machine only ever makes a pass slower. Reading is done by the C
/// library's `memchr` for a byte that is not there, which is written in vector instructions whatever way Swift was
/// compiled. The idea is that of the STREAM benchmark (McCalpin 1995), for reads only, as weights are only read.
struct BandwidthProbe {
  /// Each thread runs on one of these.
  let cores: CPUList
  let bytesPerThread: Int
  /// No new pass starts after this long.
  let timeLimitSeconds: Double

  /// - Parameters:
  ///   - lastLevelBytes: all last-level caches together; 0 when unknown.
  ///   - memoryBytes: what this process may use; the array takes at most an eighth of it.
  init(cores: CPUList, lastLevelBytes: Int, memoryBytes: Int, timeLimitSeconds: Double = 0.6) {
    precondition(!cores.isEmpty, "nothing can be measured without a core")
    let wanted = max(4 * lastLevelBytes, 256 << 20)
    let array = min(wanted, max(64 << 20, memoryBytes / 8), 4 << 30)
    self.cores = cores
    bytesPerThread = max(1 << 20, array / cores.count)
    self.timeLimitSeconds = timeLimitSeconds
  }

  /// Bytes per second in the best pass. Blocks the caller for about the time limit.
  func measure() -> Double {
    let slices = MemorySlices(count: cores.count, bytes: bytesPerThread)
    let started = ContinuousClock.now
    // The reader's own core writes its slice first, so that it lies in the memory next to that core.
    OwnThreads.run(cores.count) { index in
      _ = CPUAffinity.pinThread(0, to: CPUList([cores.cores[index]]))
      slices.fill(index, with: 1)
    }
    var best = 0.0
    for pass in 0..<32 {
      if pass > 0, (ContinuousClock.now - started).seconds > timeLimitSeconds { break }
      best = max(best, Double(bytesPerThread * cores.count) / onePass(slices))
    }
    return best
  }

  /// Seconds from the first reader's start to the last one's end.
  private func onePass(_ slices: MemorySlices) -> Double {
    let span = Mutex<(start: ContinuousClock.Instant, end: ContinuousClock.Instant)?>(nil)
    OwnThreads.run(cores.count) { index in
      _ = CPUAffinity.pinThread(0, to: CPUList([cores.cores[index]]))
      let start = ContinuousClock.now
      let found = slices.contains(index, 2)
      precondition(!found, "the slice was filled with another byte")
      let end = ContinuousClock.now
      span.withLock { $0 = (min($0?.start ?? start, start), max($0?.end ?? end, end)) }
    }
    let (start, end) = span.withLock { $0! }
    return max((end - start).seconds, 1e-9)
  }
}

/// One block of memory for each thread.
///
/// Unchecked: a slice is written by one thread before any reads it (`OwnThreads.run` has returned in between), and the
/// pointers never leave this type.
private final class MemorySlices: @unchecked Sendable {
  private let slices: [UnsafeMutableRawPointer]
  private let bytes: Int

  init(count: Int, bytes: Int) {
    self.bytes = bytes
    slices = (0..<count).map { _ in UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096) }
  }

  deinit {
    for slice in slices { slice.deallocate() }
  }

  func fill(_ index: Int, with byte: UInt8) { memset(slices[index], Int32(byte), bytes) }
  func contains(_ index: Int, _ byte: UInt8) -> Bool { memchr(slices[index], Int32(byte), bytes) != nil }
}
