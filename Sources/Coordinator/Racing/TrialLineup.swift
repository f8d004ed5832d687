import Serving

/// A trial while it is put together: who runs on which workload, as far as the time allows.
struct TrialLineup: Sendable {
  let purpose: TrialPurpose
  let rounds: Int
  /// The default first.
  private(set) var candidates: [Candidate]
  /// As they will run: first looks in short blocks.
  private(set) var workloads: [Workload] = []
  /// For each workload the indices of its candidates.
  private(set) var lineups: [[Int]] = []
  private let target: PlannerTarget
  private let most: Int
  private var seconds = 0.0
  /// Bytes that are left for further engines.
  private var room: Int

  /// - Parameter most: most candidates beside the default.
  init(target: PlannerTarget, purpose: TrialPurpose, rounds: Int, most: Int) {
    self.target = target
    self.purpose = purpose
    self.rounds = rounds
    self.most = most
    candidates = [target.baseline]
    room = target.engineMemoryBytes - (target.plannedBytes[target.baseline.configuration] ?? 0)
  }

  var isEmpty: Bool { lineups.isEmpty }

  /// Lets the default run alone on a workload on which nothing can be compared with it.
  mutating func addDefault(on workload: Workload) {
    workloads.append(purpose == .paired ? workload : workload.shortBlock)
    lineups.append([0])
  }

  /// Lets a candidate run on a workload, unless that would take the trial over `limit` seconds, or its engine does not fit
  /// into the worker's memory beside the others.
  ///
  /// One is taken even if it does not fit beside the default: the worker then ends the default's engine meanwhile.
  ///
  /// - Parameters:
  ///   - starting: seconds until one more engine is ready.
  ///   - block: seconds of one block of a workload.
  mutating func add(
    _ candidate: Candidate, on workload: Workload, within limit: Double, starting: Double,
    block: (Workload) -> Double
  ) {
    let short = purpose == .paired ? workload : workload.shortBlock
    let known = candidates.firstIndex { $0.configuration == candidate.configuration }
    let place = workloads.firstIndex { $0.shape == workload.shape }
    let bytes = target.plannedBytes[candidate.configuration] ?? 0
    guard known != nil || candidates.count == 1 || candidates.count <= most && bytes <= room else { return }
    // The default comes with the first candidate of each workload.
    let blocks = block(short) * Double(rounds) * (place == nil ? 2 : 1)
    let starts = (known == nil ? starting : 0) + (isEmpty ? starting : 0)
    guard seconds + blocks + starts <= limit else { return }
    seconds += blocks + starts
    let index = known ?? candidates.count
    if known == nil {
      candidates.append(candidate)
      room -= bytes
    }
    if let place {
      lineups[place].append(index)
    } else {
      workloads.append(short)
      lineups.append([0, index])
    }
  }
}

extension Workload {
  /// The same shape in shorter blocks, so that more of them fit into the time.
  var shortBlock: Workload {
    var short = self
    short.requestCount = max(concurrency, (requestCount + 1) / 2)
    return short
  }
}
