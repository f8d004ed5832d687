import Glibc

/// The energy counters of NVIDIA GPUs, through the driver's own library (NVML, nvmlDeviceGetTotalEnergyConsumption:
/// millijoules since the driver was loaded; Volta and newer).
///
/// The library comes with the driver, so it is looked for when the program runs. It is never unloaded.
final class NVMLCounters: Sendable {
  private typealias Call = @convention(c) () -> Int32
  private typealias Count = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
  private typealias Handle = @convention(c) (UInt32, UnsafeMutablePointer<OpaquePointer?>) -> Int32
  private typealias Energy = @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt64>) -> Int32

  private let energy: Energy
  private let handle: Handle
  let deviceCount: UInt32

  /// Nil where there is no driver, no GPU, or one without such a counter.
  init?(library: String) {
    guard let driver = dlopen(library, RTLD_NOW | RTLD_LOCAL) else { return nil }
    func symbol<Function>(_ name: String, _ type: Function.Type) -> Function? {
      // The signatures are those of nvml.h, which keeps them for a name for good.
      dlsym(driver, name).map { unsafeBitCast($0, to: type) }
    }
    guard let start = symbol("nvmlInit_v2", Call.self), let count = symbol("nvmlDeviceGetCount_v2", Count.self),
      let handle = symbol("nvmlDeviceGetHandleByIndex_v2", Handle.self),
      let energy = symbol("nvmlDeviceGetTotalEnergyConsumption", Energy.self)
    else { return nil }
    var devices: UInt32 = 0
    guard start() == 0, count(&devices) == 0, devices > 0 else { return nil }
    self.handle = handle
    self.energy = energy
    deviceCount = devices
    if read() == nil { return nil }
  }

  /// Millijoules of each GPU; nil when one does not say.
  func read() -> [UInt64]? {
    var values: [UInt64] = []
    for index in 0..<deviceCount {
      var device: OpaquePointer?
      var millijoules: UInt64 = 0
      guard handle(index, &device) == 0, energy(device, &millijoules) == 0 else { return nil }
      values.append(millijoules)
    }
    return values
  }
}
