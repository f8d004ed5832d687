extension Measurement {
  /// How the warning begins that a configuration's quality was to be measured here, and was not.
  public static let noQualityWarning = "quality not measured"

  /// Whether somebody tried to measure the quality, whatever came of it.
  public var triedQuality: Bool { quality != nil || warnings.contains { $0.hasPrefix(Self.noQualityWarning) } }
}
