import Serving

/// How long blocks take on one target: a roofline guess at first, what was measured as soon as there is something.
///
/// Only the planning of a budget depends on it; a trial's time limit holds whatever this says.
struct BlockCost: Sendable {
  /// Engines reach about this share of what the hardware could do; chosen so that the first guess errs on the long side.
  private static let efficiency = 0.5
  /// Starting an engine and a warm-up, before anything was measured; about what llama.cpp takes.
  private static let guessedStartSeconds = 1.5

  let model: ModelProfile
  let hardware: HardwareProfile
  /// Wall seconds of completed blocks for each shape, and how many there were; scaled to one request.
  private var measured: [String: (seconds: Double, requests: Int)] = [:]
  private var guessedOfMeasured = 0.0
  private var secondsOfMeasured = 0.0
  private var startSeconds = 0.0
  private var startCount = 0

  init(model: ModelProfile, hardware: HardwareProfile) {
    self.model = model
    self.hardware = hardware
  }

  /// Measured time over guessed time; nil before the first block.
  var scale: Double? { guessedOfMeasured > 0 ? secondsOfMeasured / guessedOfMeasured : nil }

  /// Starting one candidate's engine, with its warm-up.
  var startingSeconds: Double { startCount > 0 ? startSeconds / Double(startCount) : Self.guessedStartSeconds }

  /// One block of a workload. `fallbackScale` is what another target on the same worker learned.
  func blockSeconds(_ workload: Workload, fallbackScale: Double? = nil) -> Double {
    if let known = measured[workload.shape] {
      return known.seconds / Double(known.requests) * Double(workload.requestCount)
    }
    return guess(workload) * (scale ?? fallbackScale ?? 1)
  }

  mutating func measured(_ workload: Workload, _ metrics: Metrics) {
    guard metrics.wallSeconds > 0, metrics.requestCount > 0 else { return }
    let known = measured[workload.shape] ?? (0, 0)
    measured[workload.shape] = (known.seconds + metrics.wallSeconds, known.requests + metrics.requestCount)
    secondsOfMeasured += metrics.wallSeconds
    guessedOfMeasured += guess(workload)
  }

  /// A trial took this much longer than its blocks.
  mutating func trialEnded(overheadSeconds: Double, candidateCount: Int) {
    startSeconds += max(0, overheadSeconds)
    startCount += candidateCount
  }

  private func guess(_ workload: Workload) -> Double {
    let requests = Double(workload.requestCount)
    let cached = workload.sharedPrefixShare * max(0, requests - 1) / requests
    let prefill = workload.meanPromptTokens * (1 - cached) * 2 * Double(model.activeParameterCount)
    let decode = workload.meanOutputTokens * Double(model.activeWeightBytes)
    let seconds = prefill / max(1e9, hardware.gemmRate) + decode / max(1e8, hardware.memoryBandwidth)
    return max(0.05, requests * seconds / Self.efficiency)
  }
}
