import FoundationEssentials
import Glibc

/// The machine's CPU time so far, from /proc/stat and this process's clock.
public struct MachineLoad: Hashable, Sendable {
  /// Busy time of all cores, in seconds.
  public var busySeconds: Double
  /// Time the hypervisor gave to somebody else while a core here wanted to run.
  public var stolenSeconds: Double
  /// CPU time of this process.
  public var ownSeconds: Double
  public var coreCount: Int

  /// Nil where there is no /proc/stat or it reads otherwise than proc(5) says.
  public static func now() -> MachineLoad? {
    guard let stat = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
    var own = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own)
    return MachineLoad(
      procStat: stat, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
      ownSeconds: Double(own.tv_sec) + Double(own.tv_nsec) * 1e-9)
  }

  /// Reads the text of /proc/stat.
  package init?(procStat: String, ticksPerSecond: Double, ownSeconds: Double) {
    let lines = procStat.split(separator: "\n").filter { $0.hasPrefix("cpu") }
    guard let total = lines.first, lines.count > 1 else { return nil }
    // user nice system idle iowait irq softirq steal; guest time is part of user time.
    let ticks = total.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
    guard ticks.count == 8, ticksPerSecond > 0 else { return nil }
    self.init(
      busySeconds: (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / ticksPerSecond,
      stolenSeconds: ticks[7] / ticksPerSecond, ownSeconds: ownSeconds, coreCount: lines.count - 1)
  }

  package init(busySeconds: Double, stolenSeconds: Double, ownSeconds: Double, coreCount: Int) {
    self.busySeconds = busySeconds
    self.stolenSeconds = stolenSeconds
    self.ownSeconds = ownSeconds
    self.coreCount = coreCount
  }

  /// What happened from `earlier` to now, with the engine's CPU time known.
  public func use(since earlier: MachineLoad, wallSeconds: Double, engineSeconds: Double) -> MachineUse? {
    guard wallSeconds > 0 else { return nil }
    let capacity = wallSeconds * Double(coreCount)
    let others = busySeconds - earlier.busySeconds - engineSeconds - (ownSeconds - earlier.ownSeconds)
    // The clocks tick every 10 ms, so in a short block the difference may be a little below zero.
    return MachineUse(
      otherShare: min(1, max(0, others / capacity)),
      stolenShare: min(1, max(0, (stolenSeconds - earlier.stolenSeconds) / capacity)))
  }
}

/// Who else had the machine's CPU during a block.
public struct MachineUse: Hashable, Sendable {
  /// Share of all cores' time that neither the engine nor this process used, 0...1.
  public var otherShare: Double
  /// Share that the hypervisor withheld, 0...1.
  public var stolenShare: Double

  public init(otherShare: Double, stolenShare: Double) {
    self.otherShare = otherShare
    self.stolenShare = stolenShare
  }
}
