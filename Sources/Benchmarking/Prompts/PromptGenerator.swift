public import Serving

/// Makes the requests of one block: the same seed gives the same requests, another seed gives others.
///
/// Lengths are exact in tokens. Requests of one block share exactly the workload's prefix and differ from the next token
/// on. Blocks of other seeds begin with other words, so that no cache of the engine can know them.
public struct PromptGenerator: Sendable {
  /// Tokens of the document repeated at the prompt's end, so that the model goes on with it.
  static let restartTokens = 4

  public let workload: Workload
  private let seed: UInt64

  /// - Parameter seed: of the round. Different workloads under the same seed get different prompts.
  public init(workload: Workload, seed: UInt64) {
    precondition(workload.requestCount >= 1, "a block of \(workload.requestCount) requests measures nothing")
    self.workload = workload
    self.seed = StableHash.mix(seed, StableHash.of(workload.shape))
  }

  /// The block's requests in the order they are sent, made of a model's tokens.
  public func requests(of tokens: TokenSource) -> [GenerationRequest] {
    var generator = SeededGenerator(seed: seed)
    let sharedCount = sharedPrefixTokens
    let shared = tokens.leading.prefix(sharedCount) + words(sharedCount - tokens.leading.count, tokens, &generator)
    // Drawn without repeats, so that requests differ right after what they share.
    let openings = tokens.vocabulary.shuffled(using: &generator)
    return (0..<workload.requestCount).map { index in
      let length = Int.random(in: workload.promptTokens, using: &generator)
      let outputTokens = Int.random(in: workload.outputTokens, using: &generator)
      let opening = openings[index % openings.count]
      let start = sharedCount >= tokens.leading.count ? Array(shared) : Array(tokens.leading.prefix(length))
      let prompt =
        workload.repetitiveness > 0
        ? editPrompt(start: start, opening: opening, length: length, tokens, &generator)
        : start + ownTokens(length - start.count, opening: opening, tokens, &generator)
      return GenerationRequest(
        prompt: .tokens(prompt), maxTokens: outputTokens, seed: generator.next() >> 1, ignoresEndOfSequence: true)
    }
  }

  /// The same block for an engine that takes only text: about one word for each token.
  public func textRequests() -> [GenerationRequest] {
    var generator = SeededGenerator(seed: seed)
    let text = WordList.words
    let sharedCount = sharedPrefixTokens
    let shared = (0..<sharedCount).map { _ in text.randomElement(using: &generator)! }
    let openings = text.shuffled(using: &generator)
    return (0..<workload.requestCount).map { index in
      let length = Int.random(in: workload.promptTokens, using: &generator)
      let outputTokens = Int.random(in: workload.outputTokens, using: &generator)
      let ownCount = max(0, length - sharedCount)
      var own = (0..<ownCount).map {
        $0 == 0 ? openings[index % openings.count] : text.randomElement(using: &generator)!
      }
      if workload.repetitiveness > 0, ownCount > Self.restartTokens * 2 {
        // What comes after the filler is the document; its beginning once more asks the model to repeat it.
        let available = ownCount - Self.restartTokens
        own.removeLast(Self.restartTokens)
        let document = own.suffix(documentTokens(promptTokens: length, available: available))
        own += document.prefix(Self.restartTokens)
      }
      return GenerationRequest(
        prompt: .text((shared + own).joined(separator: " ")), maxTokens: outputTokens, seed: generator.next() >> 1,
        ignoresEndOfSequence: true)
    }
  }

  /// Tokens that all requests of the block begin with: the workload's share of its shortest prompt, the tokenizer's
  /// leading tokens included.
  public var sharedPrefixTokens: Int {
    Int((workload.sharedPrefixShare * Double(workload.promptTokens.lowerBound)).rounded())
  }

  private func ownTokens(
    _ count: Int, opening: Int32, _ tokens: TokenSource, _ generator: inout SeededGenerator
  ) -> [Int32] {
    count <= 0 ? [] : [opening] + words(count - 1, tokens, &generator)
  }

  private func words(_ count: Int, _ tokens: TokenSource, _ generator: inout SeededGenerator) -> [Int32] {
    (0..<max(0, count)).map { _ in tokens.vocabulary.randomElement(using: &generator)! }
  }

  /// Filler, a document, and the document's beginning once more: a model that copies goes on with the document.
  ///
  /// The document starts at a random place of the known one, so that each round has another.
  private func editPrompt(
    start: [Int32], opening: Int32, length: Int, _ tokens: TokenSource, _ generator: inout SeededGenerator
  ) -> [Int32] {
    let room = length - start.count - 1 - Self.restartTokens
    guard room >= Self.restartTokens else {
      return start + ownTokens(length - start.count, opening: opening, tokens, &generator)
    }
    // One turn of a known document: a second one would be found twice by a lookup and prove nothing more.
    let documentCount = documentTokens(promptTokens: length, available: min(room, tokens.editDocument?.count ?? room))
    let document: [Int32]
    if let known = tokens.editDocument {
      let first = Int.random(in: 0..<known.count, using: &generator)
      document = (0..<documentCount).map { known[(first + $0) % known.count] }
    } else {
      document = words(documentCount, tokens, &generator)
    }
    let filler = ownTokens(
      length - start.count - documentCount - Self.restartTokens, opening: opening, tokens, &generator)
    return start + filler + document + document.prefix(Self.restartTokens)
  }

  private func documentTokens(promptTokens: Int, available: Int) -> Int {
    max(Self.restartTokens, min(available, Int((workload.repetitiveness * Double(promptTokens)).rounded())))
  }
}
