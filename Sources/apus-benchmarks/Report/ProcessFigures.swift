import Foundation
import Serving

/// What the system says of another process of this user.
enum ProcessFigures {
  /// CPU time of all its threads since its start, user and system, in seconds to the nanosecond.
  ///
  /// - Throws: `unavailable` when there is no such process.
  static func cpuSeconds(of processID: Int32) throws(ApusError) -> Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(processID, &clock) == 0, clock_gettime(clock, &time) == 0 else {
      throw ApusError(.unavailable, "process \(processID) is gone")
    }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  struct Memory {
    /// Resident now.
    var residentBytes: Int
    /// The part of it that is no file's.
    var anonymousBytes: Int
    /// Most that was ever resident.
    var peakBytes: Int
  }

  /// - Throws: `unavailable` when there is no such process.
  static func memory(of processID: Int32) throws(ApusError) -> Memory {
    guard let text = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8) else {
      throw ApusError(.unavailable, "process \(processID) is gone")
    }
    func bytes(_ key: String) -> Int {
      let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
      return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }
    return Memory(
      residentBytes: bytes("VmRSS"), anonymousBytes: bytes("RssAnon"), peakBytes: bytes("VmHWM"))
  }
}
