/// Says when enough is new to train the selector again.
public struct RetrainPolicy: Sendable {
  /// New measurements that are worth a training.
  public let measurementCount: Int
  /// Trainings start at least this far apart, unless a user asks.
  public let interval: Duration
  private var newMeasurements = 0
  private var benchmarkEnded = false
  private var knowledgeChanged = false
  private var lastStart: Duration?
  private var isTraining = false

  public init(measurementCount: Int, interval: Duration) {
    precondition(measurementCount > 0, "training after no new measurement would never stop")
    self.measurementCount = measurementCount
    self.interval = interval
  }

  public mutating func measured() { newMeasurements += 1 }

  /// Whether anything was measured since the last training started.
  public var hasNews: Bool { newMeasurements > 0 }

  /// The end of a benchmark is worth a training whatever the count: somebody waits to use what it found.
  public mutating func benchmarkDidEnd() { benchmarkEnded = true }

  /// A node is not what it was: what is measured there from now on is worth a training sooner than usual.
  public mutating func knowledgeDidChange() { knowledgeChanged = true }

  /// Whether to train now. The caller that trains says so with `started`.
  public func shouldTrain(at now: Duration) -> Bool {
    let enough = knowledgeChanged ? max(1, measurementCount / 4) : measurementCount
    guard !isTraining, hasNews, benchmarkEnded || newMeasurements >= enough else { return false }
    return lastStart.map { now - $0 >= interval } ?? true
  }

  public mutating func started(at now: Duration) {
    isTraining = true
    lastStart = now
    newMeasurements = 0
    benchmarkEnded = false
    knowledgeChanged = false
  }

  public mutating func ended() { isTraining = false }
}
