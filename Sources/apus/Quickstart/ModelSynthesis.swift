import Engines
import Foundation
import Serving

/// The quickstart's own models.
enum ModelSynthesis {
  /// The file that is benchmarked of each kind. The other weight types of the dense model and the draft model are what
  /// methods choose among, not models of their own.
  static let benchmarked = ["dense-q8_0", "moe-q8_0"]

  /// Makes what is missing.
  ///
  /// - Returns: all of them that are in the state directory.
  static func run(
    _ state: StateDirectory, _ kinds: [ModelSynthesizer.Kind] = ModelSynthesizer.Kind.gguf,
    line: @escaping @Sendable (String) -> Void
  ) async throws -> [ModelProfile] {
    let installation = try EngineInstallation.standard(stateDirectory: state.path)
    let script = installation.directory(of: LlamaCppEngine(installation).name) + "/synthesize.py"
    try await ModelSynthesizer(installation, scriptPath: script).synthesize(kinds, progress: line)
    return try ModelLibrary(directory: state.models).scan().filter { profile in
      kinds.contains {
        profile.name == $0.rawValue || profile.format == .gguf && profile.name.hasPrefix($0.rawValue + "-")
      }
    }
  }
}
