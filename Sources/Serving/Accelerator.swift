/// One GPU.
public struct Accelerator: Hashable, Sendable {
  public var name: String
  public var memoryBytes: Int
  /// Measured by copying within its memory: bytes read and written per second. 0 where nobody measured.
  public var memoryBandwidth: Double
  /// Measured matrix products of half-precision numbers: floating-point operations per second. 0 where nobody measured.
  public var gemmRate: Double
  /// Engines of the node that compute on it, sorted. Empty also where nobody says, as of published measurements.
  public var engines: [EngineName]

  public init(
    name: String, memoryBytes: Int, memoryBandwidth: Double = 0, gemmRate: Double = 0, engines: [EngineName] = []
  ) {
    self.name = name
    self.memoryBytes = memoryBytes
    self.memoryBandwidth = memoryBandwidth
    self.gemmRate = gemmRate
    self.engines = engines
  }
}

extension Accelerator: Codable {
  /// Name and size are all that is there of a GPU that was stored before more was known of it.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      name: try fields.decode(String.self, forKey: .name),
      memoryBytes: try fields.decode(Int.self, forKey: .memoryBytes),
      memoryBandwidth: try fields.decodeIfPresent(Double.self, forKey: .memoryBandwidth) ?? 0,
      gemmRate: try fields.decodeIfPresent(Double.self, forKey: .gemmRate) ?? 0,
      engines: try fields.decodeIfPresent([EngineName].self, forKey: .engines) ?? [])
  }
}

extension HardwareProfile {
  /// The GPUs that an engine of the node computes on.
  public func accelerators(of engine: EngineName) -> [Accelerator] {
    accelerators.isEmpty ? [] : accelerators.filter { $0.engines.contains(engine) }
  }
}
