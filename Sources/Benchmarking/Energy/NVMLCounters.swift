import Engines

/// The energy counters of NVIDIA GPUs (NVML, nvmlDeviceGetTotalEnergyConsumption: millijoules since the driver was loaded;
/// Volta and newer).
final class NVMLCounters: Sendable {
  private typealias Energy = @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt64>) -> Int32

  private let library: NVML
  private let energy: Energy

  /// Nil where there is no driver, no GPU, or one without such a counter.
  init?(library path: String) {
    guard let library = NVML(library: path),
      let energy = library.function("nvmlDeviceGetTotalEnergyConsumption", Energy.self)
    else { return nil }
    self.library = library
    self.energy = energy
    if read() == nil { return nil }
  }

  /// Millijoules of each GPU; nil when one does not say.
  func read() -> [UInt64]? {
    var values: [UInt64] = []
    for index in 0..<library.deviceCount {
      var millijoules: UInt64 = 0
      guard let device = library.device(index), energy(device, &millijoules) == 0 else { return nil }
      values.append(millijoules)
    }
    return values
  }
}
