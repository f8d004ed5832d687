public import Serving

/// Every format that can be imported. A new one is a file in `Importers` and a line here.
public enum ImporterCatalogue {
  public static let all: [any MeasurementImporter] = [
    TidyCSV(), LlamaBench(), VLLMBenchServe(), GuideLLM(), AIConfiguratorSilicon(), ArgonneInferenceBench(),
    IBMLLMPilot(), StrixHaloTesting(), PremBenchmarks(),
  ]

  /// How much of a file is looked at to tell its format.
  private static let beginningBytes = 1 << 16

  /// The format by name, or the one the file shows.
  ///
  /// - Throws: `usage` for a name that is none; `badInput` for a file that shows no format; `disk` when it cannot be
  ///   read.
  public static func importer(named name: String?, for path: String) throws(ApusError) -> any MeasurementImporter {
    let names = all.map(\.name).joined(separator: ", ")
    if let name {
      guard let importer = all.first(where: { $0.name == name }) else {
        throw ApusError(.usage, "no format is named `\(name)`", advice: "the formats are \(names)")
      }
      return importer
    }
    let text = String(decoding: try ImportFile.beginning(of: path, most: beginningBytes), as: UTF8.self)
    let beginning = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
    guard let importer = all.first(where: { $0.recognizes(beginning) }) else {
      throw ApusError(
        .badInput, "\(path) is of none of the formats \(names)",
        advice: "name its format with --format, or turn it into the CSV that Schemas/measurement.csv.md describes")
    }
    return importer
  }
}
