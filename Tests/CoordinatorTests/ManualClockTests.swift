import TestKit
import Testing

@Suite(.timeLimit(.minutes(10))) struct ManualClockTests {
  @Test("Who sleeps wakes when the clock was moved far enough, and not before")
  func wakes() async throws {
    let clock = ManualClock()
    async let slept: Duration = {
      try await clock.sleep(for: .seconds(2))
      return clock.now.offset
    }()
    await clock.untilSleeping()
    clock.advance(by: .seconds(1))
    clock.advance(by: .seconds(3))
    #expect(try await slept == .seconds(4))
  }

  @Test("A deadline in the past does not wait")
  func past() async throws {
    let clock = ManualClock()
    clock.advance(by: .seconds(5))
    try await clock.sleep(until: .init(offset: .seconds(5)), tolerance: nil)
  }

  @Test("A cancelled sleeper wakes with an error")
  func cancelled() async {
    let clock = ManualClock()
    let task = Task { try await clock.sleep(for: .seconds(1)) }
    await clock.untilSleeping()
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  @Test("Durations run from the earlier instant to the later one")
  func durations() {
    let early = ManualClock.Instant(offset: .seconds(1))
    let late = ManualClock.Instant(offset: .seconds(3))
    #expect(early.duration(to: late) == .seconds(2))
    #expect(early < late)
    #expect(early.advanced(by: .seconds(2)) == late)
  }
}
