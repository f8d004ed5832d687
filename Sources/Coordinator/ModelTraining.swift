public import Serving

/// Trains a selector on the history. The real one runs a child process, so that training never takes the
/// coordinator's threads or its memory; tests hand out files.
public protocol ModelTraining: Sendable {
  /// Trains on what is stored now.
  ///
  /// - Returns: the path of the model file.
  /// - Throws: `badInput` when there is too little to learn from; `unavailable` when the child failed.
  func train() async throws(ApusError) -> String
}
