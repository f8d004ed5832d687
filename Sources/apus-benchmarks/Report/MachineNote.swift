import Foundation

/// Where a figure was measured and what else ran there.
struct MachineNote {
  private let loadAtStart = MachineNote.loadAverage()

  /// Taken when the report is printed: the load at the start and now stand beside each other.
  var sentence: String {
    let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    #if DEBUG
      let build = "a DEBUG build, whose figures mean nothing"
    #else
      let build = "a release build"
    #endif
    return
      "\(build) on \(Self.processor()), \(cores) cores; load average of the last minute \(loadAtStart) at the start "
      + "and \(Self.loadAverage()) at the end (a quiet machine has little more than this benchmark's own)"
  }

  private static func loadAverage() -> String {
    let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    return text.split(separator: " ").first.map(String.init) ?? "unknown"
  }

  private static func processor() -> String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "an unnamed processor"
  }
}
