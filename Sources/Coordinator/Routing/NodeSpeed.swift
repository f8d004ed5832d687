import Glibc

/// How many times as long work takes on a node as was foreseen, and how that grows with what runs beside it: a line
/// fitted to the outcomes by weighted least squares, the newest weighing most.
///
/// Intuition: each job is a point (how many ran beside it, how long it took over how long was foreseen). The line
/// starts at "as foreseen" and is pulled by what happens; after 50 outcomes nothing of the old is left, and what nobody
/// asked for a while is forgotten, so that a node that was slow once is tried again.
public struct NodeSpeed: Sendable {
  /// What an outcome's weight is multiplied by with each newer one: 0.93^50 is 3%.
  static let memory = 0.93
  /// Seconds after which silence has halved all weights.
  static let halfLife = 600.0
  /// Outcomes that the forecast weighs, for the level and for the slope.
  static let prior = (level: 0.5, slope: 2.0)
  /// What each job beside it adds, until outcomes say.
  static let assumedSlope = 0.1
  /// Furthest that one outcome may be from what is believed, as a factor: further is an accident, or comes again.
  static let mostSurprise = 4.0

  private var weight = 0.0
  private var x = 0.0
  private var xx = 0.0
  private var y = 0.0
  private var xy = 0.0
  private var seenAt = 0.0
  private var line = (level: 1.0, slope: NodeSpeed.assumedSlope)
  /// Outcomes so far.
  public private(set) var count = 0

  public init() {}

  /// The factor on what is foreseen for a job alone on the node.
  ///
  /// - Parameter beside: jobs that run at the same time, 0 for none; a mean may be a fraction.
  public func factor(beside: Double) -> Double { max(0.02, line.level + line.slope * beside) }

  /// What one job more adds to the time of others, as a share of it.
  public func slopeShare(beside: Double) -> Double { line.slope / factor(beside: beside) }

  /// A job ended that took `ratio` times what was foreseen for it alone.
  public mutating func learn(ratio: Double, beside: Double, at now: Double) {
    guard ratio.isFinite, ratio > 0, beside >= 0 else { return }
    let believed = factor(beside: beside)
    let ratio = min(max(ratio, believed / Self.mostSurprise), believed * Self.mostSurprise)
    let decay = Self.memory * exp2(-max(0, now - seenAt) / Self.halfLife)
    weight = decay * weight + 1
    x = decay * x + beside
    xx = decay * xx + beside * beside
    y = decay * y + ratio
    xy = decay * xy + beside * ratio
    seenAt = now
    count += 1
    solve()
  }

  /// Lets go of what is old.
  public mutating func age(at now: Double) {
    guard weight > 0, now > seenAt else { return }
    let decay = exp2(-(now - seenAt) / Self.halfLife)
    weight *= decay
    x *= decay
    xx *= decay
    y *= decay
    xy *= decay
    seenAt = now
    solve()
  }

  /// Least squares with the prior as so many outcomes more. The slope's prior is a share of the level, so that a slow
  /// node's neighbours cost it more seconds.
  private mutating func solve() {
    let level = max(0.02, (y + Self.prior.level) / (weight + Self.prior.level))
    let a = weight + Self.prior.level
    let d = xx + Self.prior.slope
    let right = (y + Self.prior.level, xy + Self.prior.slope * Self.assumedSlope * level)
    let determinant = a * d - x * x
    let slope = max(0, (a * right.1 - x * right.0) / determinant)
    line = (max(0.02, (right.0 - slope * x) / a), slope)
  }
}
