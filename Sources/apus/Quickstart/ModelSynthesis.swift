import Engines
import Foundation
import Serving

/// Makes the quickstart's models with the engine's own Python environment.
enum ModelSynthesis {
  /// - Returns: the paths of the model files; made ones are kept.
  static func run(_ state: StateDirectory, line: @escaping @Sendable (String) -> Void) async throws -> [String] {
    let installation = try EngineInstallation.standard(stateDirectory: state.path)
    return try await ModelSynthesizer(installation: installation).run(into: state.models, progress: line)
  }
}
