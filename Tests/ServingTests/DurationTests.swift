import Serving
import Testing

@Suite("Durations as numbers")
struct DurationTests {
  /// Whole and half seconds are exact, and so are nanoseconds over a month, to about one.
  @Test func countsSeconds() {
    #expect(Duration.zero.seconds == 0)
    #expect(Duration.seconds(3600).seconds == 3600)
    #expect(Duration.milliseconds(1500).seconds == 1.5)
    let month = Duration.seconds(30 * 24 * 3600)
    #expect(abs((month + .nanoseconds(7)).seconds - 2_592_000.000_000_007) < 2e-9)
    for seconds in [-1e-9, -0.25, -40, -1e6] {
      #expect(abs(Duration.seconds(seconds).seconds - seconds) <= 1e-12 * max(1, abs(seconds)))
    }
  }
}
