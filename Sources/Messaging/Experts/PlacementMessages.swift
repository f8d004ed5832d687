public import Serving

// How nodes come to compute a model's experts together: the coordinator introduces a hub and its hosts to each other by
// their keys, under one lease; what they compute goes from node to node.

/// Where a worker listens while it hosts experts, and the public key it has as a host and as a hub.
public struct ExpertEndpoint: Hashable, Codable, Sendable {
  /// `tcp://HOST:PORT`; a port of `*` is chosen anew each time.
  public var address: String
  /// Z85, 40 characters.
  public var publicKey: String

  public init(address: String, publicKey: String) {
    self.address = address
    self.publicKey = publicKey
  }
}

/// Work for a host: let one hub in, and nobody else, until the lease is revoked.
public struct ExpertHosting: Hashable, Sendable {
  public var model: ModelID
  /// The hub's public key (Z85).
  public var hubKey: String

  public init(model: ModelID, hubKey: String) {
    self.model = model
    self.hubKey = hubKey
  }
}

/// Where a host listens now, `tcp://HOST:PORT`, or why it does not.
public struct HostingAnswer: Hashable, Sendable {
  public var lease: LeaseID
  public var address: Result<String, ApusError>

  public init(lease: LeaseID, address: Result<String, ApusError>) {
    self.lease = lease
    self.address = address
  }
}

/// A host as a hub is introduced to it.
public struct IntroducedHost: Hashable, Sendable {
  public var name: WorkerName
  public var address: String
  public var publicKey: String
  /// Of the one thread that computes.
  public var operationsPerSecond: Double
  /// Bytes per second.
  public var memoryBandwidth: Double
  /// For experts.
  public var memoryBytes: Int

  public init(
    name: WorkerName, address: String, publicKey: String, operationsPerSecond: Double, memoryBandwidth: Double,
    memoryBytes: Int
  ) {
    self.name = name
    self.address = address
    self.publicKey = publicKey
    self.operationsPerSecond = operationsPerSecond
    self.memoryBandwidth = memoryBandwidth
    self.memoryBytes = memoryBytes
  }
}

/// Work for a hub: measure placements on hosts that let it in.
public struct PlacementAssignment: Hashable, Sendable {
  public var spec: PlacementBenchmarkSpec
  public var hosts: [IntroducedHost]
  /// What was measured before, the latest last, for the hub to learn from; at most `trialLimit`.
  public var trials: [PlacementTrial]

  /// Some hundred kilobytes: more teaches trees of this size little.
  public static let trialLimit = 2_000

  public init(spec: PlacementBenchmarkSpec, hosts: [IntroducedHost], trials: [PlacementTrial] = []) {
    self.spec = spec
    self.hosts = hosts
    self.trials = trials
  }
}

/// What a benchmark of placements has to say, hub -> coordinator -> client.
public enum PlacementNews: Hashable, Sendable {
  /// What is done next.
  case step(PlacementStep)
  indirect case measured(PlacementMeasurement)
  case raced(PlacementRaceResult)
  /// All that was asked for is done.
  case ended
}

/// What a hub turns to: a plan to measure, or one batch of a race between plans.
public struct PlacementStep: Hashable, Sendable {
  public var strategy: String
  public var batchTokens: Int
  /// Whether the plan computes a batch of a race, and is not measured on its own.
  public var isRace: Bool

  public init(strategy: String, batchTokens: Int, isRace: Bool = false) {
    self.strategy = strategy
    self.batchTokens = batchTokens
    self.isRace = isRace
  }
}

/// What a hub says under its lease; `ended` or a failure ends that, and is sent again on a fresh connection. What comes before
/// and is lost with a connection stays lost.
public struct PlacementReport: Hashable, Sendable {
  public var lease: LeaseID
  public var news: Result<PlacementNews, ApusError>

  public init(lease: LeaseID, news: Result<PlacementNews, ApusError>) {
    self.lease = lease
    self.news = news
  }

  public var isLast: Bool {
    switch news {
    case .success(let news): news == .ended
    case .failure: true
    }
  }
}
