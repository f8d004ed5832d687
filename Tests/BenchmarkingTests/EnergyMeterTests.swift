import Foundation
import TestKit
import Testing

@testable import Benchmarking

/// Reads energy counters from folders made as Linux makes them, and from a driver library made for the test.
@Suite("EnergyMeter") struct EnergyMeterTests {
  private static let range: UInt64 = 262_143_328_850

  /// A folder that looks like /sys/class/powercap, taken away with the value.
  private final class Powercap {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("powercap-\(UUID().uuidString)").path

    init(_ zones: [(zone: String, name: String, microjoules: UInt64)]) throws {
      for (zone, name, microjoules) in zones {
        try FileManager.default.createDirectory(atPath: "\(path)/\(zone)", withIntermediateDirectories: true)
        try write(name, "\(zone)/name")
        try write(String(EnergyMeterTests.range), "\(zone)/max_energy_range_uj")
        try set(zone, microjoules)
      }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, _ file: String) throws {
      try Data((text + "\n").utf8).write(to: URL(fileURLWithPath: "\(path)/\(file)"), options: .atomic)
    }

    func set(_ zone: String, _ microjoules: UInt64) throws { try write(String(microjoules), "\(zone)/energy_uj") }

    func meter() -> EnergyMeter? { EnergyMeter(powercapDirectory: path, nvmlLibrary: "/no/such/library") }
  }

  private static func twoPackages() throws -> Powercap {
    try Powercap([
      ("intel-rapl:0", "package-0", 1_000_000), ("intel-rapl:0:0", "core", 500_000),
      ("intel-rapl:0:1", "dram", 200_000), ("intel-rapl:1", "package-1", 5_000_000),
      ("intel-rapl:2", "psys", 9_000_000), ("intel-rapl-mmio:0", "package-0", 1_000_000),
    ])
  }

  /// Packages and their memory are added up; their parts, the platform and the second view of a package are not.
  @Test func packagesAndMemoryCountOnce() throws {
    let counters = try Self.twoPackages()
    let meter = try #require(counters.meter())
    let before = try #require(meter.reading())
    for zone in [
      "intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl:2", "intel-rapl-mmio:0",
    ] {
      try counters.set(zone, 9_000_000)
    }
    let joules = try #require(meter.reading()?.joules(since: before, wallSeconds: 10))
    #expect(abs(joules - (8.0 + 8.8 + 4.0)) < 1e-9)
  }

  /// A counter that starts again at 0 is followed through its range.
  @Test func wrapAround() throws {
    let counters = try Self.twoPackages()
    let meter = try #require(counters.meter())
    try counters.set("intel-rapl:0", Self.range - 3_000_000)
    let before = try #require(meter.reading())
    try counters.set("intel-rapl:0", 2_000_000)
    let joules = try #require(meter.reading()?.joules(since: before, wallSeconds: 10))
    #expect(abs(joules - 5) < 1e-9)
  }

  /// After 262 s a package at a kilowatt could have come round twice: then nothing is said.
  @Test func tooLongToTell() throws {
    let counters = try Self.twoPackages()
    let reading = try #require(counters.meter()?.reading())
    #expect(reading.joules(since: reading, wallSeconds: 262) == 0)
    #expect(reading.joules(since: reading, wallSeconds: 263) == nil)
  }

  /// No folder, no package, and a counter that may not be read are all "absent".
  @Test func absent() throws {
    #expect(EnergyMeter(powercapDirectory: "/no/such/folder", nvmlLibrary: "/no/such/library") == nil)
    #expect(try Powercap([("intel-rapl:2", "psys", 1)]).meter() == nil)
    let counters = try Self.twoPackages()
    // Root reads everything, so a folder in the counter's place stands for a file that may not be read.
    try FileManager.default.removeItem(atPath: "\(counters.path)/intel-rapl:1/energy_uj")
    try FileManager.default.createDirectory(
      atPath: "\(counters.path)/intel-rapl:1/energy_uj", withIntermediateDirectories: true)
    #expect(counters.meter() == nil, "one of two packages is not the machine")
  }

  /// A counter that disappears while it is used gives no reading.
  @Test func lost() throws {
    let counters = try Self.twoPackages()
    let meter = try #require(counters.meter())
    try FileManager.default.removeItem(atPath: "\(counters.path)/intel-rapl:0:1/energy_uj")
    #expect(meter.reading() == nil)
  }

  /// The driver's functions by the names and signatures of nvml.h: two GPUs, whose counters grow by 1.5 and 2.5 J.
  @Test(.enabled(if: CompiledLibrary.compiler != nil, "no C compiler is here to make a driver library of"))
  func graphicsProcessors() throws {
    let driver = try CompiledLibrary(
      """
      static unsigned long long calls;
      int nvmlInit_v2(void) { return 0; }
      int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
      int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (char *)0 + index + 1; return 0; }
      int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
        unsigned long long reading = calls++ / 2; /* one for both */
        *millijoules = 1000000 + reading * (device == (void *)1 ? 1500 : 2500);
        return 0;
      }
      """)
    let library = try #require(driver)
    let meter = try #require(EnergyMeter(powercapDirectory: "/no/such/folder", nvmlLibrary: library.path))
    let before = try #require(meter.reading())
    let after = try #require(meter.reading())
    #expect(abs(try #require(after.joules(since: before, wallSeconds: 2)) - 4) < 1e-9)
    #expect(before.joules(since: after, wallSeconds: 2) == nil, "a driver that was loaded anew counts from 0")
    #expect(after.joules(since: before, wallSeconds: 1.9) == nil, "the counter moves in steps of 0.1 s")
  }
}
