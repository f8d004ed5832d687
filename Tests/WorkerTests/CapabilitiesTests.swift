import Foundation
import Serving
import TestKit
import Testing

@testable import Worker

/// Measures the machine the test runs on.
@Suite("Capabilities", .serialized) struct CapabilitiesTests {
  /// The figures are those of a machine, and a second start of the same boot takes them from the file.
  @Test func measuresOnceForABoot() async throws {
    let directory = TemporaryFolder()
    // The first start of a worker has no directory of its own yet.
    let path = directory.path + "/workers/worker/capabilities.json"
    let measured = await Capabilities.measure(cachePath: path)
    #expect(measured.coreCount == CPUAffinity.current().count)
    #expect(measured.memoryBytes > 64 << 20)
    // Slower than any machine with 64-bit processors, however busy, and faster than any there is for one process.
    #expect((1e7...1e13).contains(measured.memoryBandwidth))
    #expect((1e7...1e15).contains(measured.gemmRate))
    #expect(!measured.machine.rawValue.isEmpty)
    #expect(await Capabilities.measure(cachePath: path) == measured)

    // The file of another machine or boot does not count: a figure of its own is measured.
    var text = try String(contentsOfFile: path, encoding: .utf8)
    text.replace(#/"key" : "[^"]*"/#, with: #""key" : "another""#)
    text.replace(#/"gemmRate" : [0-9.eE+]*/#, with: #""gemmRate" : 1"#)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(await Capabilities.measure(cachePath: path).gemmRate > 1e7)
  }

  /// A file that is damaged costs a measurement, not the start.
  @Test func damagedCache() throws {
    let directory = TemporaryFolder()
    let cache = CapabilitiesCache(path: directory.path + "/capabilities.json")
    #expect(cache.profile(for: "key") == nil)
    try "{".write(toFile: cache.path, atomically: true, encoding: .utf8)
    #expect(cache.profile(for: "key") == nil)
    cache.store(Fixtures.hardware, for: "key")
    #expect(cache.profile(for: "key") == Fixtures.hardware)
    #expect(cache.profile(for: "other") == nil)
  }

  /// A thread that is kept to one core says so itself, and a core that is not there is refused by name.
  @Test func pinning() async throws {
    let core = try #require(CPUAffinity.current().cores.last)
    // On a thread of its own: the others of this process are to stay where they are.
    let seen = await OwnThreads.result {
      _ = CPUAffinity.pinThread(0, to: CPUList([core]))
      return CPUAffinity.current()
    }
    #expect(seen == CPUList([core]))
    #expect(throws: ApusError.self) { try CPUAffinity.pinProcess(to: CPUList([8000])) }
    #expect(throws: ApusError.self) { try CPUAffinity.pinProcess(to: CPUList([])) }
  }

  /// Programs that are not there, fail or hang give nothing, in bounded time.
  @Test func shortCommands() async {
    #expect(await ShortCommand.output(["echo", "a b"], timeLimit: .seconds(300)) == "a b\n")
    #expect(await ShortCommand.output(["no-such-program-of-apus"], timeLimit: .seconds(300)) == nil)
    #expect(await ShortCommand.output(["false"], timeLimit: .seconds(300)) == nil)
    #expect(await ShortCommand.output(["sleep", "60"], timeLimit: .milliseconds(50)) == nil)
  }
}
