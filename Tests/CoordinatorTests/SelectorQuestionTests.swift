import Coordinator
import Messaging
import Serving
import Testing

/// Before the confirmation the selector is asked what to confirm.
@Suite struct SelectorQuestionTests {
  private func play(_ targets: [PlannerTarget]) -> TrialPlannerTests.Play {
    var options = TrialPlanner.Options()
    options.asksSelector = true
    return TrialPlannerTests.Play(
      TrialPlannerTests.spec(budget: 300, workloads: [.chat]), targets, options: options)
  }

  /// Runs trials until every machine waits for the selector.
  private func runToQuestions(_ play: inout TrialPlannerTests.Play) {
    while case let planned = play.planner.next(at: play.now), !planned.isEmpty {
      for trial in planned {
        play.run(trial)
      }
    }
  }

  @Test("The selector's choice is what is confirmed")
  func choice() throws {
    let target = TrialPlannerTests.target("one")
    var play = play([target])
    runToQuestions(&play)
    let questions = play.planner.openQuestions
    #expect(questions.map(\.workload.name) == ["chat"])
    // Not the best one, so that it can be told apart.
    let chosen = TrialPlannerTests.candidates[2]
    let recommendation = Recommendation(
      decision: .use, candidates: [RankedCandidate(candidate: chosen, worker: "one", speedup: 1.2)])
    play.planner.answered(questions, with: [questions[0]: recommendation])
    play.toTheEnd()
    #expect(play.planner.findings.map(\.best.configuration) == [chosen.configuration])
  }

  @Test("Without an answer the best of the paired rounds is confirmed; a machine that was not asked for still waits")
  func noAnswer() {
    let targets = [TrialPlannerTests.target("one"), TrialPlannerTests.target("far", machine: "machine-2")]
    var play = play(targets)
    runToQuestions(&play)
    let questions = play.planner.openQuestions
    #expect(questions.count == 2)
    play.planner.answered(Array(questions.prefix(1)), with: [:])
    runToQuestions(&play)
    #expect(play.planner.openQuestions == Array(questions.dropFirst()))
    #expect(!play.planner.isDone)
    play.planner.answered(play.planner.openQuestions, with: [:])
    play.toTheEnd()
    #expect(play.planner.findings.allSatisfy { $0.best.configuration[.speculation] != nil && $0.isConfirmedGain })
  }

  @Test("A machine whose worker is gone for good asks nothing and keeps nobody waiting")
  func goneForGood() {
    var play = play([TrialPlannerTests.target("one")])
    play.planner.workerGone("one", at: .zero)
    play.now = .seconds(31)
    #expect(play.planner.next(at: play.now).isEmpty)
    #expect(play.planner.openQuestions.isEmpty)
    #expect(play.planner.isDone)
  }
}
