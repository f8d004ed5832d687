/// What one placement of a model's experts did in one trial on a hub and its hosts.
public struct PlacementMeasurement: Hashable, Codable, Sendable {
  public enum Outcome: Hashable, Codable, Sendable {
    case completed(Figures)
    /// Why nothing was measured, in words.
    case failed(reason: String)
  }

  public var id: MeasurementID
  public var benchmark: BenchmarkID
  /// The worker that sent the tokens and added up what came back.
  public var hub: WorkerName
  public var model: ModelID
  /// Those that computed, in the order of the plan's hosts.
  public var hosts: [WorkerName]
  /// Milliseconds since 1970-01-01 UTC.
  public var startedAtMS: Int64
  /// The strategy that made the plan.
  public var strategy: String
  /// Tokens that passed a layer together.
  public var batchTokens: Int
  /// Layers that were placed and run.
  public var layerCount: Int
  /// Equal for plans that were measured on one problem: only their differences say which is better.
  public var problem: String
  /// Nil where hosts or model were not known well enough to foresee seconds.
  public var foreseen: Foresight?
  public var outcome: Outcome

  public init(
    id: MeasurementID, benchmark: BenchmarkID, hub: WorkerName, model: ModelID, hosts: [WorkerName],
    startedAtMS: Int64, strategy: String, batchTokens: Int, layerCount: Int, problem: String,
    foreseen: Foresight? = nil, outcome: Outcome
  ) {
    self.id = id
    self.benchmark = benchmark
    self.hub = hub
    self.model = model
    self.hosts = hosts
    self.startedAtMS = startedAtMS
    self.strategy = strategy
    self.batchTokens = batchTokens
    self.layerCount = layerCount
    self.problem = problem
    self.foreseen = foreseen
    self.outcome = outcome
  }

  /// Nil where it failed.
  public var figures: Figures? {
    if case .completed(let figures) = outcome { figures } else { nil }
  }
}

extension PlacementMeasurement {
  /// The plan and its problem as a row of numbers, and what the cost model alone said of it.
  public struct Foresight: Hashable, Codable, Sendable {
    /// Of the encoder that made the row.
    public var encoderVersion: Int
    public var features: [Float]
    /// Seconds of a layer.
    public var analyticSeconds: Double

    public init(encoderVersion: Int, features: [Float], analyticSeconds: Double) {
      self.encoderVersion = encoderVersion
      self.features = features
      self.analyticSeconds = analyticSeconds
    }
  }

  /// A time over all measured batches and layers, by the nearest rank.
  public struct Span: Hashable, Codable, Sendable {
    public var p50MS: Double
    public var p99MS: Double

    public init(p50MS: Double, p99MS: Double) {
      self.p50MS = p50MS
      self.p99MS = p99MS
    }
  }

  /// What one host was sent, and held.
  public struct Link: Hashable, Codable, Sendable {
    public var sentBytesPerToken: Double
    public var receivedBytesPerToken: Double
    /// Of weights.
    public var memoryBytes: Int

    public init(sentBytesPerToken: Double, receivedBytesPerToken: Double, memoryBytes: Int) {
      self.sentBytesPerToken = sentBytesPerToken
      self.receivedBytesPerToken = receivedBytesPerToken
      self.memoryBytes = memoryBytes
    }
  }

  /// What it took to go from the benchmark's first plan to this one.
  public struct Move: Hashable, Codable, Sendable {
    public var bytes: Int
    public var seconds: Double
    /// Batches through all layers until it has paid; nil where it never does.
    public var breakEvenBatches: Double?

    public init(bytes: Int, seconds: Double, breakEvenBatches: Double? = nil) {
      self.bytes = bytes
      self.seconds = seconds
      self.breakEvenBatches = breakEvenBatches
    }
  }

  public struct Figures: Hashable, Codable, Sendable {
    /// Batches times layers.
    public var passCount: Int
    /// Seconds of a layer.
    public var meanSeconds: Double
    /// The whole, and its parts: splitting and sending; the slowest host's computing; adding up; the rest.
    public var layer: Span
    public var dispatch: Span
    public var compute: Span
    public var combine: Span
    public var wait: Span
    /// Mean over maximum of the hosts' computing times, 0 ... 1.
    public var balancedness: Double
    public var hostsPerToken: Double
    /// In the order of the hosts.
    public var links: [Link]
    /// Nil for a plan that only raced.
    public var move: Move?
    /// How many times as fast as the benchmark's first plan; nil for that one.
    public var speedup: Double?
    /// Length of the difference to the first plan's result, over its length; nil for that one.
    public var relativeDifference: Double?
    /// Requests sent again to other hosts: of late ones, and of lost ones.
    public var hedgedCount: Int
    public var reroutedCount: Int
    /// Computations that took longer than on the machine that was to be played.
    public var unemulatedCount: Int
    public var planMS: Double
    /// Of a layer, by the cost model; nil where hosts or model were not known.
    public var predictedP50MS: Double?
    public var lowerBoundMS: Double?

    public init(
      passCount: Int, meanSeconds: Double, layer: Span, dispatch: Span, compute: Span, combine: Span, wait: Span,
      balancedness: Double, hostsPerToken: Double, links: [Link], move: Move? = nil, speedup: Double? = nil,
      relativeDifference: Double? = nil, hedgedCount: Int = 0, reroutedCount: Int = 0, unemulatedCount: Int = 0,
      planMS: Double, predictedP50MS: Double? = nil, lowerBoundMS: Double? = nil
    ) {
      self.passCount = passCount
      self.meanSeconds = meanSeconds
      self.layer = layer
      self.dispatch = dispatch
      self.compute = compute
      self.combine = combine
      self.wait = wait
      self.balancedness = balancedness
      self.hostsPerToken = hostsPerToken
      self.links = links
      self.move = move
      self.speedup = speedup
      self.relativeDifference = relativeDifference
      self.hedgedCount = hedgedCount
      self.reroutedCount = reroutedCount
      self.unemulatedCount = unemulatedCount
      self.planMS = planMS
      self.predictedP50MS = predictedP50MS
      self.lowerBoundMS = lowerBoundMS
    }

    /// What cannot be true of them; nil for nothing.
    public var fault: String? {
      let times = [layer, dispatch, compute, combine, wait].flatMap { [$0.p50MS, $0.p99MS] }
      if !(meanSeconds > 0 && meanSeconds < 1e6) { return "a layer took \(meanSeconds) seconds" }
      if let time = times.first(where: { !($0 >= 0 && $0 < 1e9) }) { return "a part of a layer took \(time) ms" }
      if !(0...1).contains(balancedness) { return "its balancedness is \(balancedness)" }
      return passCount > 0 ? nil : "it has \(passCount) passes"
    }
  }
}
