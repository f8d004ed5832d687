import FoundationEssentials

/// The energy counters of the processor packages, as Linux shows them under /sys/class/powercap (RAPL; Intel and AMD
/// alike, Documentation/power/powercap/powercap.rst).
///
/// Counted are the packages and, where they have one, their memory (`dram`, which is not in the package's figure). The
/// parts of a package (`core`, `uncore`) and the whole platform (`psys`) would count the same joules again.
struct PowercapCounters: Hashable, Sendable {
  struct Zone: Hashable, Sendable {
    var path: String
    /// The counter starts again at 0 behind this, in microjoules.
    var rangeMicrojoules: UInt64
  }

  let zones: [Zone]

  /// Nil where there are no such counters, or they may not be read (Linux lets only root, since a side channel was
  /// found in them: CVE-2020-8694).
  init?(directory: String) {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
    var zones: [Zone] = []
    for name in names {
      // `intel-rapl:0` is a package, `intel-rapl:0:1` a part of it. `intel-rapl-mmio:0` shows a package a second time.
      let parts = name.split(separator: ":")
      guard parts.first == "intel-rapl", parts.count == 2 || parts.count == 3 else { continue }
      let path = "\(directory)/\(name)"
      guard let label = Self.text("\(path)/name") else { continue }
      guard parts.count == 2 ? label.hasPrefix("package") : label == "dram" else { continue }
      guard let range = Self.number("\(path)/max_energy_range_uj"), range > 0, Self.number("\(path)/energy_uj") != nil
      else {
        // A package that cannot be read would make the sum of the others look like all of them.
        if parts.count == 2 { return nil }
        continue
      }
      zones.append(Zone(path: path, rangeMicrojoules: range))
    }
    guard !zones.isEmpty else { return nil }
    self.zones = zones
  }

  /// Microjoules of each zone; nil when one cannot be read.
  func read() -> [UInt64]? {
    var values: [UInt64] = []
    for zone in zones {
      guard let value = Self.number("\(zone.path)/energy_uj") else { return nil }
      values.append(value)
    }
    return values
  }

  /// From `earlier` to `later`, both of `read`. Nil when a counter may have come round more than once: it is sure not
  /// to below a kilowatt for each package.
  func joules(from earlier: [UInt64], to later: [UInt64], wallSeconds: Double) -> Double? {
    var sum = 0.0
    for (zone, (before, after)) in zip(zones, zip(earlier, later)) {
      guard wallSeconds * 1e9 < Double(zone.rangeMicrojoules) else { return nil }
      guard before <= zone.rangeMicrojoules, after <= zone.rangeMicrojoules else { return nil }
      sum += Double(after >= before ? after - before : zone.rangeMicrojoules - before + after) * 1e-6
    }
    return sum
  }

  private static func text(_ path: String) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return text.split(whereSeparator: \.isNewline).first.map(String.init)
  }

  private static func number(_ path: String) -> UInt64? { text(path).flatMap { UInt64($0) } }
}
