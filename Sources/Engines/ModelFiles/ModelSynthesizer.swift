public import Serving
import Synchronization

/// Makes models with random weights for a machine that has none (Deploy/models/synthesize.py says how and why).
public struct ModelSynthesizer: Sendable {
  public enum Kind: String, Sendable, CaseIterable {
    /// A Llama of 56 M parameters as F16, Q8_0 and Q4_0.
    case dense
    /// A Qwen3-MoE of 216 M parameters, 32 experts top-4, Q8_0.
    case moe
    /// A Llama of 6 M parameters that drafts for both, Q8_0.
    case draft
    /// The same models in Hugging Face format, F16, for engines that load nothing else.
    case denseFolder = "dense-hf"
    case moeFolder = "moe-hf"
    case draftFolder = "draft-hf"
    /// A Llama of 1.0 B parameters as F16 and Q8_0, and a Qwen3-MoE of 2.5 B, 64 experts top-8, Q8_0: for GPUs. The same
    /// draft model is for them.
    case large
    case largeMoE = "large-moe"
    /// What llama.cpp drafts with beside draft models, Q8_0: a model of the dense one's shape with a layer for multi-token
    /// prediction, 60 M parameters, and an EAGLE-3 head of 8 M for the dense one.
    case mtp
    case eagle

    /// What the quickstart uses.
    public static let gguf: [Kind] = [.dense, .moe, .draft]
  }

  /// The metadata key with the 256 tokens of the topic that repeats, in the order in which they follow each other.
  public static let editDocumentKey = "apus.edit_document_tokens"

  private let installation: EngineInstallation
  private let scriptPath: String

  /// - Parameter scriptPath: Deploy/models/synthesize.py.
  public init(_ installation: EngineInstallation, scriptPath: String) {
    self.installation = installation
    self.scriptPath = scriptPath
  }

  /// Makes the models' files in the installation's models folder; those that are there are kept. About 12 s for `gguf`.
  ///
  /// - Parameter progress: gets each line of progress.
  /// - Throws: `unavailable` when the engine's Python is not installed, `disk` when the files cannot be written,
  ///   `tryAgain` when the task was cancelled.
  public func synthesize(
    _ kinds: [Kind] = Kind.gguf, progress: @escaping @Sendable (String) -> Void
  ) async throws(ApusError) {
    let tail = Mutex(LogTail())
    let python = LlamaCppEngine(installation).pythonPath
    let plan = ChildProcess.Plan(
      [python, scriptPath, installation.modelsDirectory, "--models", kinds.map(\.rawValue).joined(separator: ",")],
      output: .lines(progress), error: .lines { line in tail.withLock { $0.append(line) } })
    let child = try ChildProcess.spawn(plan.guarded(by: installation.guardPath))
    guard let ending = await child.endUnlessCancelled() else {
      child.terminate()
      _ = await child.end()
      throw ApusError(.tryAgain, "making models was cancelled", advice: "Run it again; finished files are kept.")
    }
    guard !ending.isSuccess else { return }
    let log = tail.withLock { $0.text }
    let code: FailureCode =
      switch ending {
      case .exited(69), .exited(126), .exited(127): .unavailable
      case .exited(74): .disk
      default: .bug
      }
    throw ApusError(
      code, "making models failed: \(python) \(ending)\n\(log)",
      advice: code == .unavailable ? "Run Deploy/engines/llamacpp/install." : "")
  }
}
