import Serving

/// What tells the jobs that were spared the reading of a prompt by slots which an earlier engine had saved: their times are
/// not those of the same job on an engine that begins empty.
///
/// Intuition: of a prompt's beginning an engine has what it was asked since its start and what is in the slots it restored.
/// What it had beyond the former came from the latter. The former is known in blocks of bytes (`PromptBlocks`), what it had
/// in tokens; a token is taken to have as many bytes as the prompt's others. Where that is far off, a job may be told as
/// spared that was not, which costs its outcome and misleads nobody.
struct RestoredSlots: Sendable {
  private var asked = PrefixMemory()
  /// Before the first job nothing can come from anywhere else.
  private var isFresh = true

  /// Most bytes of a job's prompt that the engine can have from its own jobs. Asked before it runs.
  ///
  /// - Parameter begun: the part of the answer that goes with the prompt, from a worker that was lost.
  func ownBytes(_ spec: JobSpec, begun: String = "") -> Int {
    guard !isFresh else { return 0 }
    let blocks = PromptBlocks(spec.prompt.followed(by: begun), tools: spec.tools)
    let known = asked.overlap(blocks, engine: 0)
    // What is beyond the last whole block is too short to matter, and beyond the first 64 KiB nobody looks.
    return known == blocks.hashes.count ? .max : (known + 1) * PromptBlocks.bytes
  }

  /// A job is over: the engine has its prompt now, and its answer.
  mutating func add(_ spec: JobSpec, output: String) {
    isFresh = false
    asked.insert(PromptBlocks(spec.prompt.followed(by: output), tools: spec.tools), engine: 0)
  }

  /// Whether a restored slot had some of a job's prompt.
  ///
  /// - Parameters:
  ///   - sample: of the job.
  ///   - ownBytes: as it was before the job ran.
  static func spared(_ sample: RequestTimeline, _ spec: JobSpec, begun: String = "", ownBytes: Int) -> Bool {
    guard let cached = sample.cachedTokenCount, cached > 0, sample.promptTokenCount > 0 else { return false }
    let bytesPerToken = Double(spec.promptBytes + begun.utf8.count) / Double(sample.promptTokenCount)
    return Double(cached) * bytesPerToken > Double(ownBytes)
  }
}

extension Prompt {
  /// The prompt with an answer behind it, as the next turn of a conversation has it.
  fileprivate func followed(by answer: String) -> Prompt {
    guard !answer.isEmpty else { return self }
    return switch self {
    case .text(let text): .text(text + answer)
    case .chat(let messages): .chat(messages + [ChatMessage(role: "assistant", content: answer)])
    }
  }
}
