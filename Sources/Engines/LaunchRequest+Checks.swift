import Serving

/// What an adapter needs of a request beside its knobs, or the reason why it cannot be had.
extension LaunchRequest {
  /// The context of each slot as asked for; nil for the engine's own default.
  ///
  /// - Throws: `badInput` when the model's is shorter.
  func fittingContextTokens() throws(ApusError) -> Int? {
    guard let contextTokens else { return nil }
    let longest = model.contextLength
    guard contextTokens >= 1, longest <= 0 || contextTokens <= longest else {
      throw ApusError(
        .badInput, "\(contextTokens) tokens of context do not fit \(model.name), which has \(longest)",
        advice: "Ask for a shorter prompt or output, or use a model with a longer context.")
    }
    return contextTokens
  }

  /// The file or folder of the model that drafts.
  ///
  /// - Parameter speculation: the kind that needs one.
  func draftPath(for speculation: String) throws(ApusError) -> String {
    guard let draftModelPath else {
      throw ApusError(
        .badInput, "speculation=\(speculation) without a draft model",
        advice: "Name one with draft_model, and see that this worker has it (apus model list).")
    }
    return draftModelPath
  }
}
