public import Serving

/// What an engine or another project wrote down of its experts' work.
public enum RoutingRecording: Hashable, Sendable {
  case load(ExpertLoad)
  case trace(RoutingTrace)

  public var load: ExpertLoad {
    switch self {
    case .load(let load): load
    case .trace(let trace): trace.load
    }
  }
}

/// Reads one kind of recording. The seam: one file for each in Importers/, all in `RoutingImporters.all`.
public protocol RoutingImporter: Sendable {
  /// As on the command line.
  var name: String { get }
  /// One line for people: of which version, and what writes it.
  var summary: String { get }

  /// Nil for a file of another kind.
  ///
  /// - Throws: `badInput` for a file of this kind that is broken: what, where, which value.
  func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording?
}

/// Every importer. A new one is a file in Importers/ and a line here.
public enum RoutingImporters {
  public static let all: [any RoutingImporter] = [
    ApusRecording(), SGLangRecording(), LoadHistoryRecording(), LoadArrayRecording(), LoadTableRecording(),
  ]

  /// What the first importer that knows the file reads.
  ///
  /// - Throws: `badInput` with the path.
  public static func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording {
    for importer in all {
      do throws(ApusError) {
        if let recording = try importer.recording(file) { return recording }
      } catch {
        throw ApusError(error.code, "\(file.path): \(error.reason)", advice: error.advice)
      }
    }
    throw ApusError(
      .badInput, "\(file.path) is no recording of expert loads that is known",
      advice: "one of these: " + all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; "))
  }
}
