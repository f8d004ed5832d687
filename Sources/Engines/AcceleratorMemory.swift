import Glibc

/// What processes have of NVIDIA GPUs' memory, as the driver's own library counts it (NVML,
/// nvmlDeviceGetComputeRunningProcesses).
///
/// The library comes with the driver, so it is looked for when the program runs. It is never unloaded. It knows processes
/// by the machine's numbers: in a container with numbers of its own, nothing is found.
final class AcceleratorMemory: Sendable {
  /// Nil where there is no driver or no GPU.
  static let here = AcceleratorMemory(library: "libnvidia-ml.so.1")

  /// nvmlProcessInfo_t of the third version of the call.
  private struct ProcessInfo {
    var process: UInt32 = 0
    var usedBytes: UInt64 = 0
    var instances: UInt64 = 0
  }
  /// NVML_VALUE_NOT_AVAILABLE: a driver that does not count by process.
  private static let notAvailable = UInt64.max
  /// More than any machine's GPUs are shared by.
  private static let mostProcesses: UInt32 = 512

  private typealias Call = @convention(c) () -> Int32
  private typealias Count = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
  private typealias Handle = @convention(c) (UInt32, UnsafeMutablePointer<OpaquePointer?>) -> Int32
  private typealias Processes =
    @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt32>, UnsafeMutableRawPointer?) -> Int32

  private let handle: Handle
  private let processes: Processes
  private let deviceCount: UInt32

  init?(library: String) {
    guard let driver = dlopen(library, RTLD_NOW | RTLD_LOCAL) else { return nil }
    func symbol<Function>(_ name: String, _ type: Function.Type) -> Function? {
      // The signatures are those of nvml.h, which keeps them for a name for good.
      dlsym(driver, name).map { unsafeBitCast($0, to: type) }
    }
    guard let start = symbol("nvmlInit_v2", Call.self), let count = symbol("nvmlDeviceGetCount_v2", Count.self),
      let handle = symbol("nvmlDeviceGetHandleByIndex_v2", Handle.self),
      let processes = symbol("nvmlDeviceGetComputeRunningProcesses_v3", Processes.self)
    else { return nil }
    var devices: UInt32 = 0
    guard start() == 0, count(&devices) == 0, devices > 0 else { return nil }
    self.handle = handle
    self.processes = processes
    deviceCount = devices
  }

  /// Of all GPUs together; nil when none of these processes is known to any of them.
  func bytes(of wanted: Set<Int32>) -> Int? {
    var sum: Int?
    for index in 0..<deviceCount {
      var device: OpaquePointer?
      var count = Self.mostProcesses
      var found = [ProcessInfo](repeating: ProcessInfo(), count: Int(count))
      guard handle(index, &device) == 0, processes(device, &count, &found) == 0 else { continue }
      for info in found.prefix(Int(count)) where wanted.contains(Int32(bitPattern: info.process)) {
        guard info.usedBytes != Self.notAvailable else { continue }
        sum = (sum ?? 0) + Int(clamping: info.usedBytes)
      }
    }
    return sum
  }
}
