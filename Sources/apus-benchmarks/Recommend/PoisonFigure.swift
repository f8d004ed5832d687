import ArgumentParser
import Foundation
import Selection
import Serving

/// What workers that report absurd figures do to the choices of a selector, and what outvoting them saves.
struct PoisonFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poison", abstract: "Regret of the choices when some workers report absurd figures.")

  @Option(help: "Histories, each with its own seed.") var repetitions = 5
  @Option(help: "Seed of the first history.") var seed: UInt64 = 1
  @Flag(help: "Print one JSON object.") var json = false

  /// Of ten workers.
  private static let poisoned = [0, 1, 3]

  func validate() throws {
    guard repetitions > 0 else { throw ValidationError("--repetitions is at least 1, not \(repetitions)") }
  }

  func run() throws {
    var report = FigureReport(
      figure: "poison",
      method: [
        "\(repetitions) histories from seed \(seed) as of the figure coverage; a poisoned worker multiplies all times of each "
          + "block by a factor of its own, from 1/1000 to 1000 with equal chance for each power",
        "a fifth of the contexts of honest workers is left out of the training; regret is what the choice there costs in "
          + "E2E over the best of the candidates, both without noise, geometric mean; candidates are those of the history",
        "without the defence every measurement is learned from; with it, what the others contradict is left out",
      ])
    for count in Self.poisoned {
      for outvotes in [false, true] {
        var (sum, contexts) = (0.0, 0)
        for repetition in 0..<repetitions {
          let regrets = try regrets(seed + UInt64(repetition), poisoned: count, outvotes: outvotes)
          sum += regrets.reduce(0, +)
          contexts += regrets.count
        }
        let share = 100 * count / VariedHistory.machineCount
        report.add(
          "regret_\(share)_percent_\(outvotes ? "with" : "without")_defence",
          "\(share)% of the workers poisoned, \(outvotes ? "with" : "without") the defence",
          100 * (exp(sum / Double(contexts)) - 1), "% over the best")
      }
    }
    report.print(asJSON: json)
  }

  /// Logarithm of the choice's true cost over the best's, for each held-out context.
  private func regrets(_ seed: UInt64, poisoned: Int, outvotes: Bool) throws -> [Double] {
    var history = VariedHistory(seed: seed)
    var generator = SeededGenerator(seed: seed)
    let workers = Set(history.contexts.map(\.hardware.machine.rawValue)).sorted().shuffled(using: &generator)
    let liars = Set(workers.prefix(poisoned))
    // The last ones never lie, whatever the share: all shares are judged on the same contexts.
    let honest = Set(workers.suffix(VariedHistory.machineCount - Self.poisoned.max()!))
    let heldOut = Set(
      history.contexts.indices.filter { honest.contains(history.contexts[$0].hardware.machine.rawValue) }
        .shuffled(using: &generator).prefix(history.contexts.count / 5))
    var training: [Serving.Measurement] = []
    for (place, context) in history.contexts.enumerated() {
      let trial = history.trial(context)
      guard !heldOut.contains(place) else { continue }
      training += liars.contains(context.hardware.machine.rawValue) ? trial.map { Self.poison($0, &generator) } : trial
    }
    let file = try SelectorTrainer.train(training, models: history.models, threadCount: 2, outvotes: outvotes)
    let recommender = Recommender(model: file.model, evidence: EvidenceIndex())
    return heldOut.sorted().compactMap { place in
      let context = history.contexts[place]
      let set = CandidateSet(
        worker: WorkerName("worker"), hardware: context.hardware, model: context.model, available: history.models,
        workload: context.workload, candidates: context.candidates)
      let answer = recommender.recommend([set], objective: .e2e, limits: Limits())
      guard let choice = answer.choice?.candidate, let own = context.trueE2EMS(choice),
        let best = context.candidates.compactMap(context.trueE2EMS).min()
      else { return nil }
      return log(own / best)
    }
  }

  private static func poison(_ measurement: Serving.Measurement, _ generator: inout SeededGenerator)
    -> Serving.Measurement
  {
    guard var metrics = measurement.outcome.metrics else { return measurement }
    let factor = pow(1000, Double.random(in: -1...1, using: &generator))
    metrics.ttft = SyntheticHistory.latency(metrics.ttft.meanMS * factor)
    metrics.tpot = SyntheticHistory.latency(metrics.tpot.meanMS * factor)
    metrics.itl = metrics.tpot
    metrics.e2e = SyntheticHistory.latency(metrics.e2e.meanMS * factor)
    metrics.wallSeconds *= factor
    var poisoned = measurement
    poisoned.outcome = .completed(metrics)
    return poisoned
  }
}
