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

  /// Log-normal noise; heavier, as one in twenty takes up to five times as long; and of which each outcome has a part in
  /// common with the one before.
  private struct Noise {
    let deviation: Double
    var heavy = false
    var correlation = 0.0
    private var common = 0.0

    init(deviation: Double, heavy: Bool = false, correlation: Double = 0) {
      (self.deviation, self.heavy, self.correlation) = (deviation, heavy, correlation)
    }

    mutating func next(_ generator: inout SeededGenerator) -> Double {
      let new = (1 - correlation * correlation).squareRoot() * generator.normal()
      common = correlation * common + deviation * new
      guard heavy, Double.random(in: 0..<1, using: &generator) < 0.05 else { return common }
      return common + Double.random(in: 0...log(5), using: &generator)
    }
  }

  /// How many outcomes of a factor it takes to tell it, after a hundred without; nil where sixty do not.
  private func delay(_ factor: Double, _ noise: Noise, seed: UInt64) -> Int? {
    var generator = SeededGenerator(seed: seed)
    var (noise, stream) = (noise, Stream())
    for _ in 0..<100 { _ = stream.add(noise.next(&generator)) }
    for outcome in 1...60 {
      guard let shift = stream.add(log(factor) + noise.next(&generator)) else { continue }
      #expect((shift.logFactor > 0) == (factor > 1))
      return outcome
    }
    return nil
  }

  @Test(
    "A node that slows to half, or gets twice as fast, is recognised within 50 outcomes", arguments: [0.05, 0.2, 0.35],
    [false, true])
  func recognises(deviation: Double, heavy: Bool) {
    for factor in [0.5, 2.0] {
      let delays = (1...100).map { delay(factor, Noise(deviation: deviation, heavy: heavy), seed: $0) }
      #expect(delays.allSatisfy { $0 ?? .max <= 50 }, "\(delays)")
    }
  }

  @Test("Where outcomes hang together, too, but for one in twenty", arguments: [0.3, 0.5], [false, true])
  func recognisesAmongCorrelated(correlation: Double, heavy: Bool) {
    for factor in [0.5, 2.0] {
      let noise = Noise(deviation: 0.2, heavy: heavy, correlation: correlation)
      let delays = (1...100).map { delay(factor, noise, seed: $0) }
      #expect(delays.count { $0 ?? .max <= 50 } >= 95, "\(delays)")
    }
  }

  @Test(
    "Without a change there are few false alarms, also where outcomes hang together: see the promise of the detector",
    arguments: [0, 0.3, 0.5, 0.7], [false, true])
  func falseAlarms(correlation: Double, heavy: Bool) {
    var alarms = 0
    for seed in 1...50 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var stream = Stream()
      var noise = Noise(deviation: 0.2, heavy: heavy, correlation: correlation)
      for _ in 0..<10_000 where stream.add(noise.next(&generator)) != nil { alarms += 1 }
    }
    let most = correlation > 0.5 ? 20 : correlation > 0 || heavy ? 5 : 1
    #expect(alarms <= most, "\(alarms) alarms in half a million outcomes")
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
