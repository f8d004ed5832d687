import Foundation
import Learning
import Selection
import Serving

/// A choice among candidates whose costs are known to the judge.
struct ChoiceQuestion: Sendable {
  /// As for a recommendation; workers have different names.
  var sets: [CandidateSet]
  /// For each candidate of each set.
  var costs: [[Double]]
  /// What they are.
  var counted = CountedCost.e2e

  /// What an answer was worth.
  struct Outcome: Sendable {
    /// Best over chosen, from 0 to 1.
    var achieved: Double
    /// Of each candidate whose cost was foreseen, the absolute logarithm of the foreseen over the true one.
    var errors: [Double] = []
    /// That of the chosen one; nil where its cost was not foreseen.
    var chosenError: Double?
  }

  /// When what is foreseen to cost the least is chosen.
  func outcome(_ recommender: Recommender) -> Outcome {
    let answer = recommender.recommend(
      sets, objective: counted.objective, limits: Limits(allowsApproximate: true), inFull: true)
    var errors: [Double] = []
    var choice: (foreseen: Double, cost: Double)?
    for ranked in answer.candidates {
      guard let set = sets.firstIndex(where: { $0.worker == ranked.worker }),
        let foreseen = counted.foreseen(ranked, on: sets[set].hardware), let cost = cost(ranked, set)
      else { continue }
      errors.append(abs(log(foreseen / cost)))
      if foreseen < choice?.foreseen ?? .infinity { choice = (foreseen, cost) }
    }
    return Outcome(
      achieved: choice.map { best / $0.cost } ?? 0, errors: errors,
      chosenError: choice.map { abs(log($0.foreseen / $0.cost)) })
  }

  /// For whatever is named.
  func outcome(set: Int, candidate: Int) -> Outcome { Outcome(achieved: best / costs[set][candidate]) }

  private func cost(_ ranked: RankedCandidate, _ set: Int) -> Double? {
    let place = sets[set].candidates.firstIndex { $0.configuration == ranked.candidate.configuration }
    return place.map { costs[set][$0] }
  }

  private var best: Double { costs.joined().min()! }
}

/// What every candidate of a question did in other questions, as a table of instances, algorithms and costs: the form in
/// which measurements of others and ASlib's scenarios are learned from.
///
/// What a candidate's numbers mean in its context (the roofline's ratio, threads for each core) has no place in it.
struct QuestionTable: Sendable {
  let table: SelectionTable
  /// Number of each candidate's algorithm, by question, set and candidate.
  let algorithms: [[[Int]]]

  /// What a model of the table's kind chooses for one of its questions is worth.
  ///
  /// - Parameter foresee: the logarithm of what an algorithm will cost.
  func outcome(
    _ number: Int, of question: ChoiceQuestion, _ model: any TableModel, _ foresee: PlainForecast.Foresee? = nil
  ) -> ChoiceQuestion.Outcome {
    let row = table.instances.row(number)
    let own = algorithms[number]
    let choice = model.plan(for: row, among: Set(own.joined()).sorted()).choice
    let set = own.firstIndex { $0.contains(choice) }!
    var outcome = question.outcome(set: set, candidate: own[set].firstIndex(of: choice)!)
    guard let foresee else { return outcome }
    for (algorithm, cost) in zip(own.joined(), question.costs.joined()) {
      let error = abs(foresee(row, algorithm) - log(cost))
      outcome.errors.append(error)
      if algorithm == choice { outcome.chosenError = error }
    }
    return outcome
  }

  /// What is the same in every context.
  private struct Algorithm: Hashable {
    var configuration: EngineConfiguration
    var weightType: String
    var deviceCount: Int

    var name: String { "\(configuration.fingerprint) \(weightType) x \(deviceCount)" }
  }

  /// - Parameters:
  ///   - groups: of each question: those of one group are never on both sides of a validation.
  ///   - models: that the context's descriptions may need.
  init(_ questions: [ChoiceQuestion], groups: [String], models: [ModelProfile]) {
    var numbers: [Algorithm: Int] = [:]
    var known: [Algorithm] = []
    algorithms = questions.map { question in
      question.sets.map { set in
        set.candidates.map { candidate in
          let algorithm = Algorithm(
            configuration: candidate.configuration, weightType: set.model.weightType,
            deviceCount: set.hardware.accelerators.count)
          if let number = numbers[algorithm] { return number }
          numbers[algorithm] = known.count
          known.append(algorithm)
          return known.count - 1
        }
      }
    }
    let rows = questions.map { question in
      let set = question.sets[0]
      return Array(
        ContextTable(
          model: set.model, available: models, hardware: set.hardware, workload: set.workload,
          engine: set.candidates[0].configuration.engine, configurations: []
        ).features.row(0))
    }
    var costs = [Double](repeating: .nan, count: questions.count * known.count)
    for (number, question) in questions.enumerated() {
      for (set, row) in question.costs.enumerated() {
        for (place, cost) in row.enumerated() {
          costs[number * known.count + algorithms[number][set][place]] = cost
        }
      }
    }
    let distinct = Set(groups).sorted()
    table = SelectionTable(
      instances: FeatureMatrix(
        columns: FeatureEncoder.columns, values: rows.flatMap(\.self), rowCount: rows.count),
      algorithms: Self.features(known), algorithmNames: known.map(\.name),
      kind: .ratioToBest(isHigherBetter: false), costs: costs, isCensored: costs.map { _ in false },
      groups: groups.map { distinct.firstIndex(of: $0)! })
  }

  /// Weights and devices beside the columns of the configurations.
  private static func features(_ algorithms: [Algorithm]) -> FeatureMatrix {
    let knobs = KnobColumns.matrix(algorithms.map(\.configuration))
    let weights = Set(algorithms.map(\.weightType)).sorted()
    let values = algorithms.indices.flatMap { place -> [Float] in
      let weight = weights.firstIndex(of: algorithms[place].weightType)!
      return [Float(weight), Float(algorithms[place].deviceCount)] + knobs.row(place)
    }
    return FeatureMatrix(
      columns: ["weight_type", "device_count"] + knobs.columns, values: values, rowCount: algorithms.count)
  }
}
