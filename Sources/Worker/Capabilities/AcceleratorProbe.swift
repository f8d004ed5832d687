import FoundationEssentials
public import Serving

/// Measures the GPUs of this machine with the driver alone.
public enum AcceleratorProbe {
  /// Longer than any GPU takes, which is a second or two: a driver that hangs must not hang the worker's start.
  static let timeLimit = Duration.seconds(30)
  /// Of a GPU's memory, at most this is copied within, and not so much that nothing else finds room.
  private static let mostCopiedBytes = 1 << 29
  private static let repetitions = 10
  private static let rounds: UInt32 = 8192

  /// The GPUs that this process may use, each with its measured rates; empty where there is no driver or none. Blocks for
  /// about a second and leaves the driver in the process, so it is for one that ends then.
  ///
  /// - Parameter library: NVIDIA's driver (CUDA).
  /// - Throws: what the driver said.
  public static func measure(library: String = "libcuda.so.1") throws -> [Accelerator] {
    guard let driver = CUDADriver(library: library) else { return [] }
    return try (0..<driver.deviceCount()).map { try measure(driver, driver.device($0)) }
  }

  private static func measure(_ driver: CUDADriver, _ device: Int32) throws(CUDADriver.Fault) -> Accelerator {
    let memory = try driver.memoryBytes(device)
    try driver.use(device)
    return Accelerator(
      name: try driver.name(device), memoryBytes: memory, memoryBandwidth: try copyRate(driver, memory),
      gemmRate: try productRate(driver, device))
  }

  /// Bytes read and written per second.
  private static func copyRate(_ driver: CUDADriver, _ memory: Int) throws(CUDADriver.Fault) -> Double {
    let bytes = min(mostCopiedBytes, memory / 16) & ~0xFFFF
    let source = try driver.allocate(bytes)
    let destination = try driver.allocate(bytes)
    try driver.fill(source, 0x9E37_79B9, count: bytes / 4)
    func copies() throws(CUDADriver.Fault) {
      for _ in 0..<repetitions { try driver.copy(source, to: destination, bytes: bytes) }
    }
    _ = try driver.seconds(of: copies)
    let seconds = try driver.seconds(of: copies)
    try driver.free(source)
    try driver.free(destination)
    return seconds > 0 ? 2 * Double(bytes * repetitions) / seconds : 0
  }

  /// Floating-point operations per second.
  private static func productRate(_ driver: CUDADriver, _ device: Int32) throws(CUDADriver.Fault) -> Double {
    let capability = try driver.attribute(.computeCapabilityMajor, device)
    let multiprocessors = UInt32(clamping: try driver.attribute(.multiprocessorCount, device))
    let blocks = multiprocessors * MatrixProductKernel.blocksPerMultiprocessor
    let kernel = try driver.kernel(
      MatrixProductKernel.name, in: MatrixProductKernel.text(computeCapability: capability))
    let result = try driver.allocate(4 * Int(MatrixProductKernel.threads))
    var best = Double.infinity
    // Clocks rise over the first launches.
    for _ in 0..<repetitions {
      best = min(
        best,
        try driver.seconds { () throws(CUDADriver.Fault) in
          try driver.launch(kernel, blocks: blocks, threads: MatrixProductKernel.threads, result, rounds)
        })
    }
    try driver.free(result)
    let operations = MatrixProductKernel.operations(computeCapability: capability, blocks: blocks, rounds: rounds)
    return best > 0 ? operations / best : 0
  }

  /// What a program that prints `measure()` says, each GPU as a line of JSON; nil when it fails or hangs.
  static func accelerators(measuredBy command: [String]) async -> [Accelerator]? {
    guard let output = await ShortCommand.output(command, timeLimit: timeLimit) else { return nil }
    return output.split(separator: "\n").compactMap { line in
      try? JSONDecoder().decode(Accelerator.self, from: Data(line.utf8))
    }
  }
}
