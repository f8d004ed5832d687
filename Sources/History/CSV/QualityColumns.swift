import Serving

/// The columns of a measurement's quality. A file from before there were any has none of them, so an import asks for
/// none.
enum QualityColumns {
  static let all: [MeasurementCSV.Column] = [
    column("quality_position_count") { String($0.positionCount) },
    column("quality_top_agreement") { $0.topAgreement.csv },
    column("quality_decisive_mismatch_count") { String($0.decisiveMismatchCount) },
    column("quality_divergence_nats_per_token") { $0.divergence?.csv ?? "" },
    column("quality_perplexity") { $0.perplexity?.csv ?? "" },
    column("quality_reference_perplexity") { $0.referencePerplexity?.csv ?? "" },
    column("quality_probe_version") { String($0.probeVersion) },
  ]

  private static func column(_ name: String, _ text: @escaping @Sendable (QualityLoss) -> String)
    -> MeasurementCSV
    .Column
  {
    MeasurementCSV.Column(name: name, isRequired: false) { $0.quality.map(text) ?? "" }
  }
}
