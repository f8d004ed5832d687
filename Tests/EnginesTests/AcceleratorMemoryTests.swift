import TestKit
import Testing

@testable import Engines

@Suite("AcceleratorMemory", .enabled(if: CompiledLibrary.compiler != nil, "no C compiler is here to make a driver of"))
struct AcceleratorMemoryTests {
  /// Two GPUs by the names and signatures of nvml.h: process 7 is on both, 8 on the second, and of 9 nothing is counted.
  private static let driver = """
    typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu, compute; } Info;
    int nvmlInit_v2(void) { return 0; }
    int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
    int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (char *)0 + index + 1; return 0; }
    int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, Info *infos) {
      if (*count < 3) return 7;
      infos[0] = (Info){7, 1000000, 0, 0};
      infos[1] = (Info){8, 500, 0, 0};
      infos[2] = (Info){9, ~0ull, 0, 0};
      *count = device == (void *)1 ? 1 : 3;
      return 0;
    }
    """

  @Test func processesAreAddedUpOverGPUs() throws {
    let library = try #require(try CompiledLibrary(Self.driver))
    let memory = try #require(AcceleratorMemory(library: library.path))
    #expect(memory.bytes(of: [7]) == 2_000_000)
    #expect(memory.bytes(of: [7, 8, 4711]) == 2_000_500)
    #expect(memory.bytes(of: [9]) == nil && memory.bytes(of: [4711]) == nil && memory.bytes(of: []) == nil)
  }

  @Test func absentWithoutADriver() { #expect(AcceleratorMemory(library: "/no/such/library") == nil) }
}
