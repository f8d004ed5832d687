public import Serving

/// What could be run on one worker for one model and workload.
public struct CandidateSet: Sendable {
  public var worker: WorkerName
  public var hardware: HardwareProfile
  public var model: ModelProfile
  /// Every model on the worker: configurations name weight variants and drafts among them.
  public var available: [ModelProfile]
  public var workload: Workload
  public var candidates: [Candidate]
  /// Whether they run on a server that somebody else started, whose memory is not the worker's and not foreseen.
  public var isAttached: Bool
  /// Most bytes an engine may take there; nil for all of the node's memory.
  public var engineMemoryBytes: Int?
  /// What an hour of the node costs; nil when nobody says.
  public var pricePerHour: Double?

  public init(
    worker: WorkerName, hardware: HardwareProfile, model: ModelProfile, available: [ModelProfile],
    workload: Workload, candidates: [Candidate], isAttached: Bool = false, engineMemoryBytes: Int? = nil,
    pricePerHour: Double? = nil
  ) {
    self.worker = worker
    self.hardware = hardware
    self.model = model
    self.available = available
    self.workload = workload
    self.candidates = candidates
    self.isAttached = isAttached
    self.engineMemoryBytes = engineMemoryBytes
    self.pricePerHour = pricePerHour
  }
}
