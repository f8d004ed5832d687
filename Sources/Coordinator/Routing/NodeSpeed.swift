import Glibc

/// How many times as long work takes on a node as was foreseen, and how that grows with what runs beside it: a line
/// fitted to the outcomes by weighted least squares, the newest and the longest weighing most.
///
/// Intuition: each job is a point (how many ran beside it, how long it took over how long was foreseen). The line
/// starts at "as foreseen" and is pulled by what happens. A short job says little, for what it took is mostly what
/// starting took. When several outcomes in a row are off to one side the node is another than it was, and what came
/// before is let go of at once; else it fades, so that after 50 outcomes nothing of the old is left. What nobody asked
/// for a while is forgotten too, so that a node that was slow once is tried again.
public struct NodeSpeed: Sendable {
  /// What an outcome's weight is multiplied by with each newer one: 0.93^50 is 3%.
  static let memory = 0.93
  /// Tokens of a job that weighs half of one without end.
  static let halfTokens = 64.0
  /// Seconds after which silence has halved all weights.
  static let halfLife = 600.0
  /// Outcomes that the forecast weighs, for the level before the first outcome and after many, and for the slope.
  static let prior = (first: 2.0, least: 0.5, slope: 2.0)
  /// What each job beside it adds, until outcomes say.
  static let assumedSlope = 0.1
  /// Furthest that one outcome may be from what is believed, as a factor: further is an accident, or comes again.
  static let mostSurprise = 4.0
  /// Mean surprise of about the last three outcomes, as a logarithm, that means another level: 28% off. No outcome
  /// counts for more than twice or half of what was believed, so that no single one is enough.
  static let shift = (surprise: 0.25, rate: 0.3, most: 0.7)
  /// What is left of the old weights then.
  static let keptAtShift = 0.03

  private var weight = 0.0
  private var x = 0.0
  private var xx = 0.0
  private var y = 0.0
  private var xy = 0.0
  private var seenAt = 0.0
  /// Outcomes that the forecast counts for.
  private var prior = NodeSpeed.prior.first
  /// Mean of the last outcomes' surprises: logarithms of what was over what was believed.
  private var surprise = 0.0
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
  ///
  /// - Parameter tokens: read or written in that time.
  public mutating func learn(ratio: Double, beside: Double, tokens: Double, at now: Double) {
    guard ratio.isFinite, ratio > 0, beside >= 0, tokens > 0 else { return }
    age(at: now)
    let believed = factor(beside: beside)
    let ratio = min(max(ratio, believed / Self.mostSurprise), believed * Self.mostSurprise)
    let own = tokens / (tokens + Self.halfTokens)
    let off = min(max(log(ratio / believed), -Self.shift.most), Self.shift.most)
    surprise += Self.shift.rate * own * (off - surprise)
    if abs(surprise) > Self.shift.surprise {
      scale(by: Self.keptAtShift)
      prior = Self.prior.least
      surprise = 0
    }
    let decay = pow(Self.memory, own)
    scale(by: decay)
    prior = max(Self.prior.least, prior * decay)
    weight += own
    x += own * beside
    xx += own * beside * beside
    y += own * ratio
    xy += own * beside * ratio
    seenAt = max(seenAt, now)
    count += 1
    solve()
  }

  /// Lets go of what is old.
  public mutating func age(at now: Double) {
    guard weight > 0, now > seenAt else { return }
    let kept = exp2(-(now - seenAt) / Self.halfLife)
    scale(by: kept)
    prior += (1 - kept) * (Self.prior.first - prior)
    seenAt = now
    solve()
  }

  private mutating func scale(by factor: Double) {
    weight *= factor
    x *= factor
    xx *= factor
    y *= factor
    xy *= factor
  }

  /// Least squares with the prior as so many outcomes more. The slope's prior is a share of the level, so that a slow
  /// node's neighbours cost it more seconds.
  private mutating func solve() {
    let level = max(0.02, (y + prior) / (weight + prior))
    let a = weight + prior
    let d = xx + Self.prior.slope
    let right = (y + prior, xy + Self.prior.slope * Self.assumedSlope * level)
    let determinant = a * d - x * x
    let slope = max(0, (a * right.1 - x * right.0) / determinant)
    line = (max(0.02, (right.0 - slope * x) / a), slope)
  }
}
