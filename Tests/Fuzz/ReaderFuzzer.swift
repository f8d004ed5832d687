import Glibc
import Serving

// Entry points of libFuzzer (https://llvm.org/docs/LibFuzzer.html) for the readers of model files. Compiled together with
// those readers by Tests/Fuzz/run, not by the package: the sanitizer's flags are for nothing else.

/// The reader that APUS_FUZZ names.
private enum Target: String {
  case gguf, safetensors, config

  static let chosen: Target = {
    guard let name = getenv("APUS_FUZZ"), let target = Target(rawValue: String(cString: name)) else {
      fatalError("APUS_FUZZ is not gguf, safetensors or config")
    }
    return target
  }()

  /// A refusal is as good as a profile; anything else ends the process, which is what the fuzzer looks for.
  func read(_ bytes: [UInt8]) {
    do throws(ApusError) {
      switch self {
      case .gguf:
        let profile = try GGUFReader.profile(reading: BytesInMemory(bytes))
        precondition(profile.weightBytes >= 0 && profile.parameterCount >= 0 && profile.layerCount > 0)
      case .safetensors:
        let header = try SafetensorsHeader(reading: BytesInMemory(bytes))
        precondition(header.tensors.allSatisfy { $0.byteCount >= 0 && $0.byteCount <= bytes.count })
      case .config:
        let config = try HuggingFaceConfig(bytes, path: "config.json")
        precondition(config.layerCount > 0 && config.hiddenSize > 0 && config.keyValueHeadCount > 0)
      }
    } catch {
      precondition(error.code == .badInput, "a reader refused with \(error)")
    }
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Target.chosen.read(Array(UnsafeBufferPointer(start: data, count: count)))
  return 0
}
