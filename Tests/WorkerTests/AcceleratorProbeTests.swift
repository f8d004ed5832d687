import Serving
import TestKit
import Testing

@testable import Worker

@Suite("AcceleratorProbe", .enabled(if: CompiledLibrary.compiler != nil, "no C compiler is here to make a driver of"))
struct AcceleratorProbeTests {
  /// A driver by the names and signatures of cuda.h: two GPUs of 132 multiprocessors, whose every timed piece of work takes
  /// 2 ms. It refuses what a caller might do wrong: a copy that was not allocated, an unknown kernel, no parameters.
  private static let driver = """
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    typedef int32_t I; typedef uint32_t U; typedef uint64_t A; typedef void *H;
    static A allocated[64]; static int count; static int current = -1;
    I cuInit(U flags) { return flags; }
    I cuDeviceGetCount(I *n) { *n = 2; return 0; }
    I cuDeviceGet(I *d, I i) { *d = i + 10; return i < 0 || i > 1; }
    I cuDeviceGetName(char *t, I n, I d) { strncpy(t, d == 10 ? "NVIDIA Ten" : "NVIDIA Eleven", n); return 0; }
    I cuDeviceTotalMem_v2(size_t *b, I d) { *b = (size_t)(d == 10 ? 80 : 1) << 30; return 0; }
    I cuDeviceGetAttribute(I *v, I a, I d) { *v = a == 16 ? 132 : d == 10 ? 9 : 7; return a != 16 && a != 75; }
    I cuDevicePrimaryCtxRetain(H *c, I d) { *c = (char *)0 + d; return 0; }
    I cuCtxSetCurrent(H c) { current = (int)((char *)c - (char *)0); return 0; }
    I cuMemAlloc_v2(A *a, size_t n) {
      *a = 0x1000 * (A)(count + 1); allocated[count++] = *a; return n == 0 || current < 0; }
    I cuMemFree_v2(A a) { allocated[a / 0x1000 - 1] = 0; return 0; }
    I cuMemsetD32_v2(A a, U v, size_t n) { return v == 0 || !allocated[a / 0x1000 - 1]; }
    I cuMemcpyDtoDAsync_v2(A to, A from, size_t n, H s) { return !allocated[to / 0x1000 - 1] || to == from || s != 0; }
    I cuModuleLoadData(H *m, const char *t) {
      *m = (H)strdup(t); return strstr(t, current == 10 ? ".target sm_80" : ".target sm_50") ? 0 : 218; }
    I cuModuleGetFunction(H *f, H m, const char *n) { *f = m; return strstr(m, n) ? 0 : 500; }
    I cuLaunchKernel(H f, U gx, U gy, U gz, U bx, U by, U bz, U shared, H s, void **p, void **extra) {
      return gx != 132 * 8 || gy != 1 || gz != 1 || bx != 256 || shared || !allocated[*(A *)p[0] / 0x1000 - 1]
        || *(U *)p[1] != 8192; }
    I cuEventCreate(H *e, U f) { *e = malloc(1); return 0; }
    I cuEventRecord(H e, H s) { return e == 0; }
    I cuEventSynchronize(H e) { return e == 0; }
    I cuEventElapsedTime(float *ms, H a, H b) { *ms = 2; return a == b; }
    """

  /// Ten copies of 512 MB, read and written, in 2 ms; and the products of 33,792 warps of 8192 rounds of eight.
  @Test func ratesAreOperationsOverTime() throws {
    let library = try #require(try CompiledLibrary(Self.driver))
    let gpus = try AcceleratorProbe.measure(library: library.path)
    #expect(gpus.map(\.name) == ["NVIDIA Ten", "NVIDIA Eleven"])
    #expect(gpus.map(\.memoryBytes) == [80 << 30, 1 << 30])
    #expect(abs(gpus[0].memoryBandwidth / (2 * 10 * 536_870_912 / 2e-3) - 1) < 1e-6)
    // A sixteenth of a small one's memory.
    #expect(abs(gpus[1].memoryBandwidth / (2 * 10 * 67_108_864 / 2e-3) - 1) < 1e-6)
    let warps = 132.0 * 8 * 8
    #expect(abs(gpus[0].gemmRate / (warps * 8192 * 8 * 4096 / 2e-3) - 1) < 1e-6)
    #expect(abs(gpus[1].gemmRate / (warps * 8192 * 8 * 256 / 2e-3) - 1) < 1e-6)
  }

  @Test func noDriverIsNoGPU() throws {
    #expect(try AcceleratorProbe.measure(library: "/no/such/library").isEmpty)
  }

  /// As with `CUDA_VISIBLE_DEVICES=` on a machine with one.
  @Test func noGPUThatMayBeUsedIsNone() throws {
    let library = try #require(try CompiledLibrary("int cuInit(unsigned flags) { return 100; }"))
    #expect(try AcceleratorProbe.measure(library: library.path).isEmpty)
  }

  /// A driver that answers an error is not the same as none.
  @Test func faultsAreSaid() throws {
    let library = try #require(try CompiledLibrary("int cuInit(unsigned flags) { return 999; }"))
    let fault = #expect(throws: CUDADriver.Fault.self) { try AcceleratorProbe.measure(library: library.path) }
    #expect(fault?.description == "cuInit said 999")
  }

  /// What a worker reads of the program it starts: lines that are no GPU are passed over, failures are no answer.
  @Test func answersAreRead() async {
    let line = #"{"name":"G","memoryBytes":1024,"memoryBandwidth":3e12,"gemmRate":6e14,"engines":[]}"#
    let read = await AcceleratorProbe.accelerators(measuredBy: ["/bin/sh", "-c", "echo '\(line)'; echo hello"])
    #expect(read == [Accelerator(name: "G", memoryBytes: 1024, memoryBandwidth: 3e12, gemmRate: 6e14)])
    #expect(await AcceleratorProbe.accelerators(measuredBy: ["/bin/sh", "-c", "exit 69"]) == nil)
    #expect(await AcceleratorProbe.accelerators(measuredBy: ["/no/such/program"]) == nil)
  }
}
