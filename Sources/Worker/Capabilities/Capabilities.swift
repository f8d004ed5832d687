import Foundation
public import Serving

/// What this process may use of its machine, read from the kernel and measured.
public enum Capabilities {
  /// Reads and measures; about 1.3 seconds, and 3 more with a GPU, or a few milliseconds when `cachePath` holds this boot's
  /// figures.
  ///
  /// Call it after the process was pinned to its cores. Workers that start at once on one machine measure one after the
  /// other, because figures taken while another measures would be halved.
  ///
  /// - Parameters:
  ///   - cachePath: a file for the measured figures; nil to measure in any case.
  ///   - acceleratorProbe: the command that prints `AcceleratorProbe.measure()`; nil to leave GPUs unmeasured.
  public static func measure(cachePath: String? = nil, acceleratorProbe: [String]? = nil) async -> HardwareProfile {
    let seen = await accelerators()
    let cores = CPUAffinity.current()
    let described = describe(cores: cores, seen)
    let cache = cachePath.map(CapabilitiesCache.init)
    // Which of the GPUs a process may use is said by this variable, of which nvidia-smi knows nothing.
    let visible = ProcessInfo.processInfo.environment["CUDA_VISIBLE_DEVICES"] ?? ""
    let key = "\(text("/proc/sys/kernel/random/boot_id")) \(cores) \(described.fingerprint) \(visible)"
    if let known = cache?.profile(for: key) { return known }

    var measured = await OwnThreads.result { measureBlocking(described, cores) }
    if let acceleratorProbe, let found = await AcceleratorProbe.accelerators(measuredBy: acceleratorProbe) {
      measured.accelerators = found
    }
    cache?.store(measured, for: key)
    return measured
  }

  /// The GPUs that the driver's tool lists, with their names and sizes alone.
  public static func accelerators() async -> [Accelerator] {
    AcceleratorQuery.accelerators(
      output: await ShortCommand.output(AcceleratorQuery.command, timeLimit: .seconds(5)) ?? "")
  }

  private static func measureBlocking(_ described: HardwareProfile, _ cores: CPUList) -> HardwareProfile {
    let lock = MeasuringLock()
    defer { lock.release() }
    var measured = described
    measured.memoryBandwidth =
      BandwidthProbe(cores: cores, lastLevelBytes: lastLevelBytes(cores), memoryBytes: described.memoryBytes).measure()
    measured.gemmRate = MatrixProductProbe(threadCount: cores.count).measure()
    return measured
  }

  /// All that need not be measured; the two rates are 0.
  private static func describe(cores: CPUList, _ accelerators: [Accelerator]) -> HardwareProfile {
    let processor = ProcessorDescription(cpuinfo: text("/proc/cpuinfo"))
    let total =
      MemorySize.total(meminfo: text("/proc/meminfo")) ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
    let limits = MemorySize.limitFiles(cgroup: text("/proc/self/cgroup")).map { text($0) }
    return HardwareProfile(
      machine: MachineIdentity.identifier(
        machineID: text("/etc/machine-id"), bootID: text("/proc/sys/kernel/random/boot_id"),
        hostName: ProcessInfo.processInfo.hostName),
      processor: processor.name, coreCount: cores.count, instructionSets: processor.instructionSets,
      memoryBytes: MemorySize.usable(total: total, limits: limits), memoryBandwidth: 0, gemmRate: 0,
      accelerators: accelerators)
  }

  private static func lastLevelBytes(_ cores: CPUList) -> Int {
    let entries = cores.cores.flatMap { core in
      (0..<5).compactMap { index -> CacheSize.Entry? in
        let folder = "/sys/devices/system/cpu/cpu\(core)/cache/index\(index)/"
        guard let level = Int(text(folder + "level")), let bytes = CacheSize.bytes(text(folder + "size")) else {
          return nil
        }
        return CacheSize.Entry(level: level, bytes: bytes, sharedBy: text(folder + "shared_cpu_list"))
      }
    }
    return CacheSize.lastLevelBytes(entries)
  }

  /// A file's text without white space around it; empty when it cannot be read, which is how /proc says "not known".
  private static func text(_ path: String) -> String {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// Held while measuring by one process of this executable at a time.
///
/// The lock is on the executable's own file: it needs no place to write and is gone with the process.
private struct MeasuringLock {
  private let descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)

  init() {
    // Without the lock (no /proc) the figures may be lower than they should be; that is no reason not to start.
    if descriptor >= 0 { flock(descriptor, LOCK_EX) }
  }

  func release() {
    if descriptor >= 0 { close(descriptor) }
  }
}
