import Foundation
import Serving
import Testing

@Suite("Accelerator") struct AcceleratorTests {
  /// A GPU of a history from before its rates were known.
  @Test func oldRecordsAreRead() throws {
    let old = #"{"name":"NVIDIA H200","memoryBytes":150754820096}"#
    let read = try JSONDecoder().decode(Accelerator.self, from: Data(old.utf8))
    #expect(read == Accelerator(name: "NVIDIA H200", memoryBytes: 150_754_820_096))
    #expect(read.memoryBandwidth == 0 && read.gemmRate == 0 && read.engines.isEmpty)
  }

  @Test func recordsKeepEverything() throws {
    let gpu = Accelerator(
      name: "gpu", memoryBytes: 1 << 34, memoryBandwidth: 3e12, gemmRate: 6e14, engines: [EngineName("b")])
    #expect(try JSONDecoder().decode(Accelerator.self, from: JSONEncoder().encode(gpu)) == gpu)
  }
}
