/// What processes have of NVIDIA GPUs' memory (NVML, nvmlDeviceGetComputeRunningProcesses).
///
/// The driver knows processes by the machine's numbers: in a container with numbers of its own, nothing is found.
final class AcceleratorMemory: Sendable {
  /// Of this machine, looked for once.
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

  private typealias Processes =
    @convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt32>, UnsafeMutableRawPointer?) -> Int32

  private let library: NVML
  private let processes: Processes

  /// Nil where there is no driver, no GPU, or a driver that does not tell processes apart.
  init?(library path: String) {
    guard let library = NVML(library: path),
      let processes = library.function("nvmlDeviceGetComputeRunningProcesses_v3", Processes.self)
    else { return nil }
    self.library = library
    self.processes = processes
  }

  /// Of all GPUs together; nil when none of these processes is known to any of them.
  func bytes(of wanted: Set<Int32>) -> Int? {
    var sum: Int?
    for index in 0..<library.deviceCount {
      var count = Self.mostProcesses
      var found = [ProcessInfo](repeating: ProcessInfo(), count: Int(count))
      guard let device = library.device(index), processes(device, &count, &found) == 0 else { continue }
      for info in found.prefix(Int(count)) where wanted.contains(Int32(bitPattern: info.process)) {
        guard info.usedBytes != Self.notAvailable else { continue }
        sum = (sum ?? 0) + Int(clamping: info.usedBytes)
      }
    }
    return sum
  }
}
