import Foundation
import Serving
import Testing

@testable import Engines

/// Replays what the fuzzer found worth keeping (Tests/Fuzz): every input is read or refused in order, by the same code.
@Suite("Fuzz corpus") struct FuzzCorpusTests {
  /// The inputs of one reader: a row of entries, each a 32-bit little-endian length and as many bytes.
  private static func inputs(_ name: String) throws -> [[UInt8]] {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/fuzz-corpus/\(name).corpus")
    let bytes = [UInt8](try Data(contentsOf: url))
    var inputs: [[UInt8]] = []
    var offset = 0
    while offset < bytes.count {
      let length = bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
      inputs.append(Array(bytes[offset + 4..<offset + 4 + length]))
      offset += 4 + length
    }
    return inputs
  }

  /// - Returns: how many were read; the others were refused as bad input.
  private func replay(_ name: String, _ read: ([UInt8]) throws(ApusError) -> Void) throws -> Int {
    let inputs = try Self.inputs(name)
    #expect(inputs.count > 20, "the corpus of \(name) is gone")
    var readCount = 0
    for input in inputs {
      do throws(ApusError) {
        try read(input)
        readCount += 1
      } catch {
        #expect(error.code == .badInput, "\(error)")
      }
    }
    return readCount
  }

  @Test func gguf() throws {
    let count = try replay("gguf") { bytes throws(ApusError) in
      let profile = try GGUFReader.profile(reading: BytesInMemory(bytes))
      #expect(profile.layerCount > 0 && profile.weightBytes >= 0)
    }
    #expect(count >= 3, "the valid seeds are part of the corpus")
  }

  @Test func safetensors() throws {
    let count = try replay("safetensors") { bytes throws(ApusError) in
      let header = try SafetensorsHeader(reading: BytesInMemory(bytes))
      #expect(header.tensors.allSatisfy { (0...bytes.count).contains($0.byteCount) })
    }
    #expect(count >= 6, "the valid seeds are part of the corpus")
  }

  @Test func config() throws {
    let count = try replay("config") { bytes throws(ApusError) in
      let config = try HuggingFaceConfig(bytes, path: "config.json")
      #expect(config.layerCount > 0 && config.hiddenSize > 0)
    }
    #expect(count >= 4, "the valid seeds are part of the corpus")
  }
}
