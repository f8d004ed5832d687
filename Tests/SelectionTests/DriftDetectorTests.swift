import Glibc
import Serving
import Testing

@testable import Selection

@Suite("A change is noticed within fifty outcomes, and rarely where there is none")
struct DriftDetectorTests {
  /// Surprises as jobs give them: each against the mean of those before.
  private struct Stream {
    var detector = DriftDetector()
    var mean = 0.0
    var count = 0

    mutating func add(_ value: Double) -> DriftDetector.Shift? {
      defer {
        count += 1
        mean += (value - mean) / Double(count)
      }
      guard count > 0 else { return nil }
      let shift = detector.add(value - mean, earlier: count)
      // A new home: its expectations start over.
      if shift != nil { (mean, count) = (0, -1) }
      return shift
    }
  }

  /// Log-normal noise, and heavier: one in twenty takes up to five times as long.
  private func noise(_ generator: inout SeededGenerator, deviation: Double, heavy: Bool) -> Double {
    let value = deviation * generator.normal()
    guard heavy, Double.random(in: 0..<1, using: &generator) < 0.05 else { return value }
    return value + Double.random(in: 0...log(5), using: &generator)
  }

  @Test(
    "A node that slows to half, or gets twice as fast, is recognised within 50 outcomes", arguments: [0.05, 0.2, 0.35])
  func recognises(deviation: Double) {
    for heavy in [false, true] {
      for factor in [0.5, 2.0] {
        var slowest = 0
        for seed in 1...100 as ClosedRange<UInt64> {
          var generator = SeededGenerator(seed: seed)
          var stream = Stream()
          for _ in 0..<100 { _ = stream.add(noise(&generator, deviation: deviation, heavy: heavy)) }
          var told: (outcomes: Int, shift: DriftDetector.Shift)?
          for outcome in 1...60 where told == nil {
            let shift = stream.add(log(factor) + noise(&generator, deviation: deviation, heavy: heavy))
            told = shift.map { (outcome, $0) }
          }
          guard let told else {
            Issue.record("seed \(seed), deviation \(deviation), \(factor): never told")
            continue
          }
          slowest = max(slowest, told.outcomes)
          #expect((told.shift.logFactor > 0) == (factor > 1))
        }
        #expect(slowest <= 50, "\(slowest) outcomes at a deviation of \(deviation), heavy: \(heavy)")
      }
    }
  }

  @Test("In 10,000 outcomes without a change: at most 0.02 false alarms with normal noise, 0.1 with heavy tails")
  func falseAlarms() {
    for (heavy, most) in [(false, 1), (true, 5)] {
      var alarms = 0
      for seed in 1...50 as ClosedRange<UInt64> {
        var generator = SeededGenerator(seed: seed)
        var stream = Stream()
        for _ in 0..<10_000 where stream.add(noise(&generator, deviation: 0.2, heavy: heavy)) != nil { alarms += 1 }
      }
      #expect(alarms <= most, "\(alarms) alarms in half a million outcomes, heavy: \(heavy)")
    }
  }

  @Test("One outcome is never a change, however absurd")
  func absurd() {
    var stream = Stream()
    var generator = SeededGenerator(seed: 5)
    for number in 0..<1000 {
      let absurd = number % 50 == 49 ? log(1000.0) : 0.0
      #expect(stream.add(absurd + 0.1 * generator.normal()) == nil)
    }
  }
}
