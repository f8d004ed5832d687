import Testing

@testable import Learning

@Suite("Costs that were cut off, imputed")
struct BuckleyJamesTests {
  private typealias Observation = BuckleyJames.Observation

  /// Residuals -1, 0 (cut off), 1, 2 (cut off) and 3, of different predictions.
  private static let five = [
    Observation(foreseen: 10, seen: 9, isCensored: false), Observation(foreseen: 20, seen: 20, isCensored: true),
    Observation(foreseen: 30, seen: 31, isCensored: false), Observation(foreseen: 40, seen: 42, isCensored: true),
    Observation(foreseen: 50, seen: 53, isCensored: false),
  ]

  @Test("By hand: each cut-off value becomes its prediction and the mean residual above where it was cut")
  func byHand() {
    // Kaplan and Meier: 1/5 at -1; of the four fifths left, a third at 1 (three were still at risk), the rest at 3.
    let imputing = BuckleyJames(Self.five.reversed())
    #expect(imputing.value(Self.five[0]) == 9 && imputing.value(Self.five[4]) == 53, "what was seen stays")
    let above0 = (4.0 / 15 * 1 + 8.0 / 15 * 3) / (4.0 / 5)
    #expect(abs(imputing.value(Self.five[1]) - (20 + above0)) < 1e-12)
    #expect(abs(above0 - 7.0 / 3) < 1e-12)
    #expect(abs(imputing.value(Self.five[3]) - 43) < 1e-12)
  }

  @Test("The mean of what is imputed is the mean of Kaplan and Meier's curve, which is what it is consistent with")
  func selfConsistent() {
    // Without a regression: 1, above 2, 4, above 4, 7. Curve: 1/5 at 1, 4/15 at 4, 8/15 at 7.
    let seen = [(1.0, false), (2, true), (4, false), (4, true), (7, false)]
    let observations = seen.map { Observation(foreseen: 0, seen: $0.0, isCensored: $0.1) }
    let imputing = BuckleyJames(observations)
    let mean = observations.reduce(0) { $0 + imputing.value($1) } / 5
    #expect(abs(mean - (1.0 / 5 + 16.0 / 15 + 56.0 / 15)) < 1e-12)
    #expect(imputing.value(observations[3]) == 7, "at equal residuals the cut-off one is above")
  }

  @Test("The largest counts as seen, so that what was cut off above all others stays at its bound")
  func largest() {
    let observations = [
      Observation(foreseen: 1, seen: 1, isCensored: false), Observation(foreseen: 1, seen: 5, isCensored: true),
      Observation(foreseen: 1, seen: 2, isCensored: true),
    ]
    let imputing = BuckleyJames(observations)
    #expect(imputing.value(observations[1]) == 5 && imputing.value(observations[2]) == 5)
    #expect(BuckleyJames([]).value(observations[2]) == 2)
  }

  @Test(
    "Imputed, an arm that is often cut off is foreseen to cost more than the cutoff; a line through it is found again")
  func regresses() {
    // log cost = 2 x, cut off at 3: seen where x < 1.5.
    var model = BayesianLinearModel(width: 2, precision: 1e-6)
    var random = RandomSource(seed: 4)
    let rows = (0..<200).map { _ -> (x: Double, y: Double) in
      let x = 2 * random.unit()
      return (x, 2 * x + 0.3 * random.normal())
    }
    func fit(_ targets: [Double]) {
      model = BayesianLinearModel(width: 2, precision: 1e-6)
      for (row, target) in zip(rows, targets) { model.update([1, row.x], target) }
    }
    let cut = rows.map { min($0.y, 3) }
    fit(cut)
    let plain = model.predict([1, 2]).mean
    for _ in 0..<50 {
      let observations = zip(rows, cut).map { row, seen in
        Observation(foreseen: model.predict([1, row.x]).mean, seen: seen, isCensored: row.y > 3)
      }
      fit(observations.map(BuckleyJames(observations).value))
    }
    #expect(plain < 3.6, "cut off, the line is too flat: \(plain)")
    #expect(abs(model.predict([1, 2]).mean - 4) < 0.2, "\(model.predict([1, 2]).mean)")
  }
}
