import Serving

/// What NVIDIA's own tool says of the GPUs in a machine.
enum AcceleratorQuery {
  static let command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]

  /// One GPU for each line `NVIDIA H200, 143771` (name, MiB). Lines that say anything else, such as an error or
  /// `[N/A]`, are no GPU.
  static func accelerators(output: String) -> [Accelerator] {
    output.split(separator: "\n").compactMap { line in
      // The memory is after the last comma: a name might hold one.
      guard let comma = line.lastIndex(of: ","), let mebibytes = Int(line[line.index(after: comma)...].trimmingSpaces),
        mebibytes > 0, mebibytes < 1 << 40
      else { return nil }
      let name = line[..<comma].trimmingSpaces
      return name.isEmpty ? nil : Accelerator(name: name, memoryBytes: mebibytes << 20)
    }
  }
}
