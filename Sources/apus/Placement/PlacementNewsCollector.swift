import ExpertPlacement
import Messaging
import PlacementSelection
import Serving

/// What a benchmark of placements found.
struct PlacementBenchmarkResult {
  /// Where their speeds are known here; those of live workers are not.
  var hosts: [PlacementHost] = []
  /// Whether the hosts play other machines.
  var isEmulated = false
  /// In the order measured.
  var measurements: [PlacementMeasurement] = []
  var races: [PlacementRaceResult] = []
}

/// Takes what a benchmark of placements says, shows it while it runs, and keeps what was found.
actor PlacementNewsCollector {
  private let showsSteps: Bool
  private let trials: String?
  private var collected = PlacementBenchmarkResult()
  private var fault: ApusError?
  private var lastStep: PlacementStep?

  /// - Parameter trials: file that measured placements are added to; nil for none.
  init(showsSteps: Bool, trials: String?) {
    self.showsSteps = showsSteps
    self.trials = trials
  }

  func take(_ news: PlacementNews) {
    switch news {
    case .step(let step): show(step)
    case .measured(let measurement):
      // What only raced is part of its race.
      if measurement.figures?.isRace != true { collected.measurements.append(measurement) }
      guard let trials, let trial = PlacementTrial(measurement), fault == nil else { return }
      do throws(ApusError) {
        try PlacementTrialFile.append(trial, to: trials)
      } catch {
        fault = error
      }
    case .raced(let race):
      collected.races.append(race)
      if showsSteps { Console.note(PlacementBenchmarkOutput.text(race)) }
    case .ended: break
    }
  }

  private func show(_ step: PlacementStep) {
    defer { lastStep = step }
    guard showsSteps else { return }
    if !step.isRace {
      Console.note("measuring \(step.strategy) with \(step.batchTokens) tokens")
    } else if lastStep?.isRace != true || lastStep?.batchTokens != step.batchTokens {
      Console.note("racing the plans foreseen to be fastest with \(step.batchTokens) tokens")
    }
  }

  /// - Throws: what went wrong on the way while the benchmark went on.
  func result(hosts: [PlacementHost], isEmulated: Bool) throws(ApusError) -> PlacementBenchmarkResult {
    if let fault { throw fault }
    var result = collected
    result.hosts = hosts
    result.isEmulated = isEmulated
    return result
  }
}

extension PlacementMeasurement.Figures {
  /// Whether they are of the batches of a race alone: then nothing was moved to measure them.
  fileprivate var isRace: Bool { move == nil }
}
