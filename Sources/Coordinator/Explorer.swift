import Glibc
public import Selection
public import Serving

/// How much of the traffic may be used to learn.
public struct ExplorationPolicy: Hashable, Codable, Sendable {
  /// Most of all jobs that may explore, 0 to 0.5; 0 never explores.
  public var share: Double
  /// The longest that an exploring job may be expected to take, as a multiple of what the best choice is expected to
  /// take: the upper end of the 90% interval, the loading of an engine included. At least 1.
  public var maxSlowdown: Double

  public init(share: Double = 0.05, maxSlowdown: Double = 1.5) {
    precondition((0...0.5).contains(share) && maxSlowdown >= 1, "a share of \(share), a slow-down of \(maxSlowdown)")
    self.share = share
    self.maxSlowdown = maxSlowdown
  }

  public static let off = ExplorationPolicy(share: 0)
}

/// Decides which jobs try something other than what is believed best, and what they try: Thompson sampling (Thompson
/// 1933; Chapelle, Li 2011) on the selector's posteriors, within a budget.
///
/// Intuition: draw one world from what is believed, and do what is best in it. What is surely worse is never drawn,
/// what may be better is drawn as often as it may be. The budget is earned by jobs: each adds the share, a fifth of it
/// while there is other work, and an exploration takes one. So at most the share explores, mostly in idle time.
///
/// A pure struct: the same seed and the same jobs give the same explorations. Costs an addition and a comparison for
/// most jobs.
public struct Explorer: Sendable {
  /// Part of the share that a job earns while its worker or the queue has other work.
  static let busyPart = 0.2
  /// Explorations that can be saved up: a quiet night is no licence for a burst in the morning.
  static let mostCredit = 2.0

  public let policy: ExplorationPolicy
  private var credit = 0.0
  private var generator: SeededGenerator

  public init(_ policy: ExplorationPolicy, seed: UInt64) {
    self.policy = policy
    generator = SeededGenerator(seed: seed)
  }

  /// Counts a job, and says whether it may explore. Which of those that may is left to chance, so that no rhythm of the
  /// traffic decides who explores.
  public mutating func isDue(isIdle: Bool) -> Bool {
    credit = min(Self.mostCredit, credit + policy.share * (isIdle ? 1 : Self.busyPart))
    guard credit >= 1, Bool.random(using: &generator) else { return false }
    credit -= 1
    return true
  }

  /// - Parameters:
  ///   - best: what the job would be given, among the options.
  ///   - options: what the selector believes of the alternatives, and of `best`.
  ///   - hasRoom: whether a worker takes a job now.
  /// - Returns: what to try instead, by its place among the options; nil when the draw says that the best is best, and
  ///   where nothing else is safe.
  public mutating func pick(
    instead best: RouteChoice, among options: [ExplorationOption], hasRoom: (WorkerName) -> Bool
  ) -> Int? {
    guard let own = options.firstIndex(where: { $0.worker == best.worker && $0.candidate == best.candidate }),
      !options[own].isTight
    else { return nil }
    let safe = options.indices.filter {
      $0 != own && isSafe(options[$0], insteadOf: options[own]) && hasRoom(options[$0].worker)
    }
    guard !safe.isEmpty else { return nil }
    // One draw of its default's cost for all that share it.
    var levels: [Int: Double] = [:]
    var choice: (place: Int, cost: Double)?
    for place in [own] + safe {
      let group = options[place].group
      let level = levels[group] ?? draw(options[place].level)
      levels[group] = level
      let cost = level + draw(options[place].ratio)
      if cost < choice?.cost ?? .infinity { choice = (place, cost) }
    }
    return choice.flatMap { $0.place == own ? nil : $0.place }
  }

  private func isSafe(_ option: ExplorationOption, insteadOf best: ExplorationOption) -> Bool {
    guard !option.isTight else { return false }
    var variance = option.ratio.variance + best.ratio.variance
    var difference = option.ratio.mean - best.ratio.mean
    if option.group != best.group {
      variance += option.level.variance + best.level.variance
      difference += option.level.mean - best.level.mean
    }
    let worst = exp(difference + LogEstimate.quantile95 * variance.squareRoot())
    guard worst <= policy.maxSlowdown else { return false }
    // Whoever waits for tokens waits for the engine too, whatever the objective.
    guard let usual = best.predicted.e2eMS, let expected = option.predicted.e2eMS, usual > 0 else {
      return option.loadSeconds <= best.loadSeconds
    }
    let slowest = max(worst * usual, expected) / 1000 + option.loadSeconds
    return slowest <= policy.maxSlowdown * (usual / 1000 + best.loadSeconds)
  }

  private mutating func draw(_ estimate: LogEstimate) -> Double {
    guard estimate.variance > 0 else { return estimate.mean }
    // Box and Muller.
    let radius = (-2 * log(Double.random(in: Double.leastNormalMagnitude..<1, using: &generator))).squareRoot()
    return estimate.mean + estimate.variance.squareRoot() * radius
      * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
  }
}

extension RouteChoice {
  init(_ option: ExplorationOption) {
    self.init(worker: option.worker, candidate: option.candidate, predicted: option.predicted)
  }
}
