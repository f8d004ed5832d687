import Benchmarking
import Testing

@Suite("Machine load") struct MachineLoadTests {
  private func load(_ line: String, own: Double = 0) -> MachineLoad? {
    MachineLoad(
      procStat: "cpu  \(line)\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\nintr 5\n", ticksPerSecond: 100,
      ownSeconds: own)
  }

  /// Two cores for 10 s: 12 s busy, of which the engine had 6 and this process 1, so others had 5 of 20.
  @Test func sharesOfTheMachine() throws {
    let before = try #require(load("100 0 0 1000 0 0 0 0 0 0"))
    let after = try #require(load("900 100 200 1800 50 50 50 100 0 0", own: 1))
    let use = try #require(after.use(since: before, wallSeconds: 10, engineSeconds: 6))
    #expect(abs(use.otherShare - 5.0 / 20) < 1e-9)
    #expect(abs(use.stolenShare - 1.0 / 20) < 1e-9)
    #expect(before.coreCount == 2)
  }

  /// Clocks that tick differently never give a negative share, and an empty time gives none.
  @Test func coarseClocks() throws {
    let before = try #require(load("0 0 0 0 0 0 0 0 0 0"))
    let after = try #require(load("100 0 0 0 0 0 0 0 0 0"))
    #expect(after.use(since: before, wallSeconds: 1, engineSeconds: 1.2)?.otherShare == 0)
    #expect(after.use(since: before, wallSeconds: 0, engineSeconds: 0) == nil)
  }

  /// Text that is not /proc/stat is refused; the machine's own is read.
  @Test func reading() {
    #expect(MachineLoad(procStat: "", ticksPerSecond: 100, ownSeconds: 0) == nil)
    #expect(MachineLoad(procStat: "cpu 1 2\ncpu0 1 2", ticksPerSecond: 100, ownSeconds: 0) == nil)
    #expect((MachineLoad.now()?.busySeconds ?? 0) > 0)
  }
}
