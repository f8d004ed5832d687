public import Serving

/// Everything that crosses the wire between a coordinator and its peers. Schemas/messages.proto is its encoding.
/// What is large and rare is indirect, so that the others move few bytes at each step.
public enum Message: Hashable, Sendable {
  // A peer introduces itself; the first message of every connection, repeated after each reconnect.
  indirect case hello(Hello)
  case welcome(Welcome)
  /// The coordinator will not serve this peer or this message; `keyRefused` and protocol mismatches are final.
  case refused(ApusError)

  // worker -> coordinator
  case heartbeat(Heartbeat)
  case tokens(TokenChunk)
  case report(Report)
  case modelOffset(ModelOffset)
  /// The answer to `launchQuery` with the same number: what to run, or why it cannot be said.
  indirect case launchAnswer(LaunchAnswer)
  /// The answer to an assignment to host experts.
  case hostingAnswer(HostingAnswer)
  /// From the hub of a trial of placements.
  case placementReport(PlacementReport)

  // coordinator -> worker
  case assignment(Assignment)
  case reportStored(MeasurementID)
  /// Stop working on this lease and report `cancelled`.
  case revoke(LeaseID)
  indirect case modelChunk(ModelChunk)
  /// What would be run for a strategy? Nothing is started.
  indirect case launchQuery(id: UInt64, LaunchQuery)
  /// Load this engine, as long as there is nothing else to do; the heartbeat says what became of it.
  indirect case warmUp(EngineWarmUp)

  // client <-> coordinator. `id` is the client's own count and comes back with every answer to it.
  case request(id: UInt64, ClientRequest)
  case response(id: UInt64, ClientResponse)
}

/// The version of Schemas/messages.proto that both ends must speak.
public let protocolVersion: UInt32 = 4

/// What a key is authorized for, and what its holder says it comes as. Gateways and the command line are clients.
public enum PeerRole: String, Hashable, Sendable, CaseIterable { case worker, client }

/// A peer's first message on each connection. Whatever comes before it is refused.
public struct Hello: Hashable, Sendable {
  public var version: UInt32
  public var role: PeerRole
  /// Nil for a client.
  public var worker: WorkerDescription?

  public init(version: UInt32 = protocolVersion, role: PeerRole, worker: WorkerDescription? = nil) {
    self.version = version
    self.role = role
    self.worker = worker
  }
}

/// What a worker says of itself.
public struct WorkerDescription: Hashable, Codable, Sendable {
  public var hardware: HardwareProfile
  public var engines: [EngineDescription]
  /// The models whose files it has.
  public var models: [ModelProfile]
  /// Jobs it runs at once, at least 1.
  public var jobCapacity: Int
  /// Leases it still works on, so that a coordinator that restarted can take them up again.
  public var leases: [LeaseID]
  /// What an hour of the node costs, above 0, in a currency that is the same for all nodes; nil when nobody said.
  public var pricePerHour: Double?
  /// Most bytes an engine may take there; nil for all of the node's memory.
  public var engineMemoryBytes: Int?
  /// Whether it can measure the energy of a block.
  public var measuresEnergy: Bool
  /// Where other nodes offer their memory to it with `ggml-rpc-server`, `HOST:PORT` each, as its owner says.
  public var rpcServers: [String]
  /// How it hosts experts of a model for other nodes; nil when it does not.
  public var experts: ExpertEndpoint?

  public init(
    hardware: HardwareProfile, engines: [EngineDescription], models: [ModelProfile], jobCapacity: Int,
    leases: [LeaseID] = [], pricePerHour: Double? = nil, engineMemoryBytes: Int? = nil, measuresEnergy: Bool = false,
    rpcServers: [String] = [], experts: ExpertEndpoint? = nil
  ) {
    self.hardware = hardware
    self.engines = engines
    self.models = models
    self.jobCapacity = jobCapacity
    self.leases = leases
    self.pricePerHour = pricePerHour
    self.engineMemoryBytes = engineMemoryBytes
    self.measuresEnergy = measuresEnergy
    self.rpcServers = rpcServers
    self.experts = experts
  }
}

/// The coordinator's answer to a `Hello` that it takes.
public struct Welcome: Hashable, Sendable {
  public var version: UInt32
  /// The name the peer's key is authorized under.
  public var peer: String
  /// A worker is given up when nothing was heard of it for three of these.
  public var heartbeatMS: Int

  public init(version: UInt32 = protocolVersion, peer: String, heartbeatMS: Int) {
    self.version = version
    self.peer = peer
    self.heartbeatMS = heartbeatMS
  }
}

/// A sign that a worker lives, with all leases it works on: one it leaves out again and again is lost.
public struct Heartbeat: Hashable, Sendable {
  public var leases: [LeaseID]
  /// Configuration fingerprints of the engines that are loaded and idle or serving.
  public var warmConfigurations: [String]
  /// The one that is being loaded as `EngineWarmUp` asked; nil while none is.
  public var warmingConfiguration: String?
  /// Whether it takes no more work and gives up what it has, because it was told to stop.
  public var isStopping: Bool

  public init(
    leases: [LeaseID], warmConfigurations: [String] = [], warmingConfiguration: String? = nil, isStopping: Bool = false
  ) {
    self.leases = leases
    self.warmConfigurations = warmConfigurations
    self.warmingConfiguration = warmingConfiguration
    self.isStopping = isStopping
  }
}

/// Tokens of a running job, worker -> coordinator -> client.
public struct TokenChunk: Hashable, Sendable {
  public var job: JobID
  public var lease: LeaseID
  /// Index of the first of these tokens in the job's output, so that nothing is shown twice.
  public var firstIndex: Int
  public var tokenIDs: [Int32]
  /// Their text, which may be empty while a character is not complete.
  public var text: String
  /// Where they were asked for: of those the engine tells of, which may be fewer than `tokenIDs`, never more.
  public var logprobs: [TokenLogprob]
  /// What they add to the calls of functions.
  public var toolCalls: [ToolCallPiece]

  public init(
    job: JobID, lease: LeaseID, firstIndex: Int, tokenIDs: [Int32], text: String, logprobs: [TokenLogprob] = [],
    toolCalls: [ToolCallPiece] = []
  ) {
    self.job = job
    self.lease = lease
    self.firstIndex = firstIndex
    self.tokenIDs = tokenIDs
    self.text = text
    self.logprobs = logprobs
    self.toolCalls = toolCalls
  }

  public init(job: JobID, lease: LeaseID, firstIndex: Int, _ tokens: GeneratedTokens) {
    self.init(
      job: job, lease: lease, firstIndex: firstIndex, tokenIDs: tokens.ids, text: tokens.text,
      logprobs: tokens.logprobs, toolCalls: tokens.toolCalls)
  }
}

/// A measurement under a lease. Sent again until `reportStored` comes back.
public struct Report: Hashable, Sendable {
  public var lease: LeaseID
  public var measurement: Measurement
  /// Whether the lease ends with it: always for a job, for the last block of a trial.
  public var isLast: Bool
  /// A job's whole output; empty for a trial.
  public var output: String
  /// Why a job's answer ended; nil where its engine did not say.
  public var finishReason: FinishReason?
  /// What a job's answer calls.
  public var toolCalls: [ToolCall]

  public init(
    lease: LeaseID, measurement: Measurement, isLast: Bool, output: String = "", finishReason: FinishReason? = nil,
    toolCalls: [ToolCall] = []
  ) {
    self.lease = lease
    self.measurement = measurement
    self.isLast = isLast
    self.output = output
    self.finishReason = finishReason
    self.toolCalls = toolCalls
  }

  /// The one report of a job.
  public init(lease: LeaseID, _ answer: JobAnswer) {
    self.init(
      lease: lease, measurement: answer.measurement, isLast: true, output: answer.output,
      finishReason: answer.finishReason, toolCalls: answer.toolCalls)
  }
}

/// Work for a worker.
public struct Assignment: Hashable, Sendable {
  /// Each under a lease of its own, and ended with that.
  public indirect enum Work: Hashable, Sendable {
    case job(JobAssignment)
    case trial(TrialSpec)
    /// Answered by `hostingAnswer`; lasts until the lease is revoked.
    case hosting(ExpertHosting)
    /// Answered by `placementReport`s.
    case placement(PlacementAssignment)
  }
  public var lease: LeaseID
  public var work: Work

  public init(lease: LeaseID, work: Work) {
    self.lease = lease
    self.work = work
  }
}

/// A job with the strategy it is to run with.
public struct JobAssignment: Hashable, Sendable {
  public var job: JobID
  public var spec: JobSpec
  public var candidate: Candidate
  /// Tokens the user has seen already, from a worker that was lost: continue after them, do not repeat them.
  public var generatedTokenIDs: [Int32]
  public var generatedText: String

  public init(
    job: JobID, spec: JobSpec, candidate: Candidate, generatedTokenIDs: [Int32] = [], generatedText: String = ""
  ) {
    self.job = job
    self.spec = spec
    self.candidate = candidate
    self.generatedTokenIDs = generatedTokenIDs
    self.generatedText = generatedText
  }
}

/// What a worker would run for a strategy, or why it cannot say.
public struct LaunchAnswer: Hashable, Sendable {
  /// Of the question.
  public var id: UInt64
  public var result: Result<EngineLaunch, ApusError>

  public init(id: UInt64, result: Result<EngineLaunch, ApusError>) {
    self.id = id
    self.result = result
  }
}

/// A piece of a model's file on its way to a worker.
public struct ModelChunk: Hashable, Sendable {
  public var model: ModelID
  public var name: String
  public var totalBytes: Int
  public var offset: Int
  /// At most 1 MiB. Empty asks only for the offset to go on from.
  public var bytes: [UInt8]

  public init(model: ModelID, name: String, totalBytes: Int, offset: Int, bytes: [UInt8]) {
    self.model = model
    self.name = name
    self.totalBytes = totalBytes
    self.offset = offset
    self.bytes = bytes
  }
}

/// How much of a model's file a worker has.
public struct ModelOffset: Hashable, Sendable {
  public var model: ModelID
  public var offset: Int
  /// Set once the file is whole and its hash is right; a worker that then has a new model also says hello again.
  public var isComplete: Bool
  /// Why the worker will not take it; empty when it does.
  public var refusal: String

  public init(model: ModelID, offset: Int, isComplete: Bool, refusal: String = "") {
    self.model = model
    self.offset = offset
    self.isComplete = isComplete
    self.refusal = refusal
  }
}
