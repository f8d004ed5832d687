import Foundation
import Serving

/// A machine nobody has measured, as a person writes it in YAML.
struct HardwareFile: Decodable {
  var processor: String?
  var cores: Int
  var memoryGiB: Double
  var memoryBandwidthGBPerS: Double
  var gemmGFLOPS: Double
  var instructionSets: [String]?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case processor, cores
    case memoryGiB = "memory_gib"
    case memoryBandwidthGBPerS = "memory_bandwidth_gb_per_s"
    case gemmGFLOPS = "gemm_gflops"
    case instructionSets = "instruction_sets"
  }

  static func read(path: String) throws(ApusError) -> HardwareProfile {
    let file: HardwareFile = try YAMLFile.read(
      path, as: "a hardware profile", keys: ["": CodingKeys.allCases],
      advice: "it needs cores, memory_gib, memory_bandwidth_gb_per_s and gemm_gflops")
    // No more than messages between programs may say, or a history's export.
    try NumberRange.check("cores", file.cores, 1...1_000_000, in: path)
    try NumberRange.check("memory_gib", file.memoryGiB, 0.001...8_388_608, in: path)
    try NumberRange.check(
      CodingKeys.memoryBandwidthGBPerS.rawValue, file.memoryBandwidthGBPerS, 0.001...1e9, in: path)
    try NumberRange.check("gemm_gflops", file.gemmGFLOPS, 0.001...1e9, in: path)
    return HardwareProfile(
      machine: MachineID(path), processor: file.processor ?? "unknown", coreCount: file.cores,
      instructionSets: (file.instructionSets ?? []).sorted(), memoryBytes: Int(file.memoryGiB * Double(1 << 30)),
      memoryBandwidth: file.memoryBandwidthGBPerS * 1e9, gemmRate: file.gemmGFLOPS * 1e9)
  }
}
