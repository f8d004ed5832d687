public import Serving

/// How far memory estimates were off so far, and what that says about the next one: of main memory, and of the memory of
/// GPUs.
///
/// Measurements go in once each, in the order they were made.
public struct MemoryCorrections: Hashable, Codable, Sendable {
  /// Ratios outside of this are faults of whoever measured: an engine that never got to load, a figure in other units.
  static let plausible = 0.05...20.0

  /// Whose memory an estimate is of.
  public enum Kind: String, Codable, CaseIterable, Sendable { case main, accelerators }

  private var main = MemoryErrors()
  private var accelerators = MemoryErrors()

  public init() {}

  /// What a completed measurement with an estimate teaches; everything else is passed over.
  public mutating func insert(_ measurement: Measurement) {
    let (engine, model) = (measurement.configuration.engine, measurement.loadedModel)
    if let ratio = Self.ratio(measurement, of: .main) { main.insert(ratio, engine: engine, model: model) }
    if let ratio = Self.ratio(measurement, of: .accelerators) {
      accelerators.insert(ratio, engine: engine, model: model)
    }
  }

  /// Measured over estimated; nil where one of them is missing or cannot be true.
  static func ratio(_ measurement: Measurement, of kind: Kind) -> Double? {
    let metrics = measurement.outcome.metrics
    let (estimate, measured) =
      switch kind {
      case .main: (measurement.memoryEstimateBytes, metrics?.peakMemoryBytes)
      case .accelerators: (measurement.acceleratorMemoryEstimateBytes, metrics?.acceleratorMemoryBytes)
      }
    guard let estimate, estimate > 0, let measured, measured > 0 else { return nil }
    let ratio = Double(measured) / Double(estimate)
    return plausible.contains(ratio) ? ratio : nil
  }

  /// What to do to an estimate for this engine with this loaded model.
  public func correction(engine: EngineName, model: ModelID, of kind: Kind = .main) -> MemoryCorrection {
    switch kind {
    case .main: main.correction(engine: engine, model: model)
    case .accelerators: accelerators.correction(engine: engine, model: model)
    }
  }

  /// What to do to the estimate of main memory.
  public func correction(of estimate: MemoryEstimate) -> MemoryCorrection {
    correction(engine: estimate.engine, model: estimate.model)
  }

  /// What to do to the estimate of GPUs' memory.
  public func acceleratorCorrection(of estimate: MemoryEstimate) -> MemoryCorrection {
    correction(engine: estimate.engine, model: estimate.model, of: .accelerators)
  }

  /// Bytes to keep free for what is estimated: with what was learned, and a margin.
  public func plannedBytes(_ estimate: MemoryEstimate) -> Int {
    correction(of: estimate).plannedBytes(estimate.totalBytes)
  }

  /// Room that an engine is planned to take among others on its node (`HardwareProfile.roomBytes`): of main memory what
  /// is to keep free, of GPUs' memory what is expected.
  ///
  /// - Parameter memoryLimitBytes: what all engines of the node may take.
  public func plannedRoomBytes(
    _ estimate: MemoryEstimate, on hardware: HardwareProfile, memoryLimitBytes: Int
  ) -> Int {
    let planned = plannedBytes(estimate)
    guard estimate.acceleratorBytes > 0 else { return planned }
    // No engine has more than there is, whatever was learned of others.
    let expected = min(
      acceleratorCorrection(of: estimate).expectedBytes(estimate.acceleratorBytes),
      max(estimate.acceleratorBytes, hardware.usableAcceleratorBytes(of: estimate.engine)))
    return hardware.roomBytes(
      main: planned, accelerators: expected, of: estimate.engine, memoryLimitBytes: memoryLimitBytes)
  }
}

extension HardwareProfile {
  /// Of the memory of the GPUs an engine computes on, what it can have.
  func usableAcceleratorBytes(of engine: EngineName) -> Int {
    Int(MemoryEstimate.usableShare * accelerators(of: engine).reduce(0) { $0 + Double($1.memoryBytes) })
  }

  /// Room that an engine takes among others here, in bytes of main memory: its part of that, or the same share of what
  /// engines may take as it has of its GPUs' memory, if that is more. So what fits by this fits in both.
  ///
  /// - Parameters:
  ///   - main: of main memory, in bytes.
  ///   - accelerators: of its GPUs' memory, in bytes.
  ///   - memoryLimitBytes: what all engines of the node may take.
  public func roomBytes(main: Int, accelerators: Int, of engine: EngineName, memoryLimitBytes: Int) -> Int {
    let usable = usableAcceleratorBytes(of: engine)
    guard accelerators > 0, usable > 0 else { return main }
    return max(main, Int(Double(accelerators) / Double(usable) * Double(memoryLimitBytes)))
  }
}
