import Serving
import Testing

@testable import Worker

/// The parsers of what the kernel and the GPU's tool say, on texts of real machines and on broken ones.
@Suite("Capabilities: parsers") struct CapabilitiesParserTests {
  // MARK: /proc/cpuinfo

  static let intel = """
    processor\t: 0
    vendor_id\t: GenuineIntel
    model name\t: Intel(R) Xeon(R)   Platinum 8488C
    flags\t\t: fpu vme sse4_2 avx2 smep f16c fma avx512f avx512_vnni amx_tile amx_int8 amx_bf16 AVX

    processor\t: 1
    model name\t: another
    flags\t\t: fpu
    """
  static let arm = """
    processor\t: 0
    BogoMIPS\t: 2100.00
    Features\t: fp asimd evtstrm aes asimdhp asimddp sve i8mm bf16
    CPU implementer\t: 0x41
    CPU part\t: 0xd40
    """

  @Test func processorOnX86() {
    let processor = ProcessorDescription(cpuinfo: Self.intel)
    #expect(processor.name == "Intel(R) Xeon(R) Platinum 8488C")
    #expect(
      processor.instructionSets == [
        "amx_bf16", "amx_int8", "amx_tile", "avx", "avx2", "avx512_vnni", "avx512f", "f16c", "fma", "sse4_2",
      ])
  }

  /// ARM says numbers in place of a name, and `Features` for flags.
  @Test func processorOnARM() {
    let processor = ProcessorDescription(cpuinfo: Self.arm)
    #expect(processor.name == "ARM implementer 0x41 part 0xd40")
    #expect(processor.instructionSets == ["asimd", "asimddp", "asimdhp", "bf16", "i8mm", "sve"])
  }

  @Test func processorThatSaysNothing() {
    let processor = ProcessorDescription(cpuinfo: "no colon\n\n")
    #expect(processor.name == "unknown processor")
    #expect(processor.instructionSets.isEmpty)
  }

  // MARK: memory

  @Test(
    arguments: [
      ("MemTotal:       24684092 kB\nMemFree: 1 kB\n", 24_684_092 * 1024), ("MemFree: 5 kB\n", nil),
      ("MemTotal: many kB\n", nil), ("MemTotal: 9223372036854775807 kB\n", nil), ("MemTotal:\n", nil),
    ] as [(String, Int?)]) func memoryTotal(text: String, bytes: Int?)
  {
    #expect(MemorySize.total(meminfo: text) == bytes)
  }

  /// Every group above a process's own may limit it, in both versions of control groups; nothing leads out of them.
  @Test func memoryLimitFiles() {
    #expect(
      MemorySize.limitFiles(cgroup: "4:memory:/a/b\n3:cpu,cpuacct:/x\n0::/s.slice\n") == [
        "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/s.slice/memory.max",
        "/sys/fs/cgroup/memory.max",
      ])
    #expect(MemorySize.limitFiles(cgroup: "0::/../../etc\n").first == "/sys/fs/cgroup/etc/memory.max")
    #expect(MemorySize.limitFiles(cgroup: "garbage").isEmpty)
  }

  @Test(
    arguments: [
      ([], 100), (["max\n", ""], 100), (["60\n", "80\n"], 60), (["9223372036854771712\n"], 100), (["0", "-5"], 100),
    ] as [([String], Int)]) func memoryUsable(limits: [String], bytes: Int)
  {
    #expect(MemorySize.usable(total: 100, limits: limits) == bytes)
  }

  // MARK: caches

  @Test(
    arguments: [
      ("32768K\n", 32 << 20), ("1M", 1 << 20), ("512", 512), ("1G", 1 << 30), ("", nil), ("K", nil), ("-4K", nil),
      ("99999999999999999999K", nil),
    ] as [(String, Int?)]) func cacheSize(text: String, bytes: Int?)
  {
    #expect(CacheSize.bytes(text) == bytes)
  }

  /// Two cores that share a cache have one; caches of lower levels do not count.
  @Test func lastLevelCaches() {
    let entries = [
      CacheSize.Entry(level: 2, bytes: 1 << 20, sharedBy: "0"), .init(level: 3, bytes: 32 << 20, sharedBy: "0-1"),
      .init(level: 3, bytes: 32 << 20, sharedBy: "0-1"), .init(level: 3, bytes: 32 << 20, sharedBy: "2-3"),
    ]
    #expect(CacheSize.lastLevelBytes(entries) == 64 << 20)
    #expect(CacheSize.lastLevelBytes([]) == 0)
  }

  // MARK: GPUs

  @Test func accelerators() {
    let output = """
      NVIDIA H200, 143771
      Tesla T4, 15360
      Odd, name, 1024
      NVIDIA A100, [N/A]
      No devices were found
      , 5
      """
    #expect(
      AcceleratorQuery.accelerators(output: output) == [
        Accelerator(name: "NVIDIA H200", memoryBytes: 143_771 << 20),
        Accelerator(name: "Tesla T4", memoryBytes: 15_360 << 20),
        Accelerator(name: "Odd, name", memoryBytes: 1024 << 20),
      ])
    #expect(AcceleratorQuery.accelerators(output: "").isEmpty)
  }

  // MARK: machine

  @Test(arguments: [
    ("3d1219c7c4c5404aaa1f6d2a48adfda4\n", "3d1219c7c4c5404aaa1f6d2a48adfda4"), ("", "boot-host"),
    ("uninitialized\n", "boot-host"), ("../etc", "boot-host"),
  ]) func machineIdentity(file: String, identifier: String) {
    let machine = MachineIdentity.identifier(machineID: file, bootID: "boot\n", hostName: "host")
    #expect(machine == MachineID(identifier))
    #expect(MachineIdentity.identifier(machineID: "", bootID: "", hostName: "host") == MachineID("host"))
  }

  // MARK: affinity

  @Test func allowedCores() {
    let status = "Name:\tapus\nCpus_allowed:\t00000003\nCpus_allowed_list:\t0-1\nMems_allowed:\t1\n"
    #expect(CPUAffinity.allowedCores(status: status) == CPUList([0, 1]))
    #expect(CPUAffinity.allowedCores(status: "Name:\tapus\n") == nil)
    #expect(CPUAffinity.allowedCores(status: "Cpus_allowed_list:\t\n") == nil)
  }
}
