/// Measures the energy of a machine: its processor packages with their memory, and its GPUs, as far as they count.
///
/// The counters are the whole machine's: what other programs take meanwhile is in them too, as it is in the wall time.
/// Fans, disks and losses are in none of them.
public struct EnergyMeter: Sendable {
  private let packages: PowercapCounters?
  private let devices: NVMLCounters?

  /// Nil where nothing counts, or nothing may be read.
  ///
  /// - Parameters:
  ///   - powercapDirectory: `/sys/class/powercap`, or a folder that looks like it.
  ///   - nvmlLibrary: the NVIDIA driver's library.
  public init?(powercapDirectory: String, nvmlLibrary: String = "libnvidia-ml.so.1") {
    packages = PowercapCounters(directory: powercapDirectory)
    devices = NVMLCounters(library: nvmlLibrary)
    if packages == nil, devices == nil { return nil }
  }

  /// The counters now; nil when one that could be read before cannot.
  public func reading() -> EnergyReading? {
    let microjoules = packages?.read()
    let millijoules = devices?.read()
    if packages != nil, microjoules == nil { return nil }
    if devices != nil, millijoules == nil { return nil }
    return EnergyReading(packages: packages, microjoules: microjoules ?? [], millijoules: millijoules ?? [])
  }
}

/// What the counters of a machine said at one moment.
public struct EnergyReading: Hashable, Sendable {
  fileprivate let packages: PowercapCounters?
  fileprivate let microjoules: [UInt64]
  fileprivate let millijoules: [UInt64]

  /// A GPU's counter moves ten times a second (measured on an H100: blocks of 0.1 s got none of it or twice their share), so
  /// over less time than this it is off by more than 5%.
  static let shortestWithGPUSeconds = 2.0

  /// Energy since an earlier reading of the same meter. Nil when that cannot be told: so much time passed that a counter
  /// may have come round more than once, so little that a GPU's has hardly moved, or one ran backwards.
  public func joules(since earlier: EnergyReading, wallSeconds: Double) -> Double? {
    guard millijoules.isEmpty || wallSeconds >= Self.shortestWithGPUSeconds else { return nil }
    var sum = 0.0
    if let packages {
      guard let joules = packages.joules(from: earlier.microjoules, to: microjoules, wallSeconds: wallSeconds) else {
        return nil
      }
      sum += joules
    }
    for (before, after) in zip(earlier.millijoules, millijoules) {
      // The driver was loaded anew.
      guard after >= before else { return nil }
      sum += Double(after - before) * 1e-3
    }
    return sum
  }
}
