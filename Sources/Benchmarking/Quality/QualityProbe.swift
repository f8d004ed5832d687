import Serving

/// Measures how far an engine's output is from that of its default configuration, by asking both for the next token
/// behind the same tokens (teacher forcing).
///
/// The default generates a greedy continuation of each prompt of `QualityPrompts`. The candidate then generates too; as
/// long as it agrees, its context is the default's, so one request scores many places. Where it disagrees the place is
/// scored, and it is asked again behind the default's tokens up to there. So every place of the default's continuation
/// is scored exactly once, with one request for each disagreement and one more.
///
/// Requests come as many at once as the candidate has slots: a batch is part of what is to be exact.
struct QualityProbe: Sendable {
  /// Raised with every change of the prompts, the text or the arithmetic.
  static let version = 1
  /// Alternatives a candidate is asked for: more than the reference's, so that most of those are among them.
  static let candidateAlternatives = 2 * Divergence.topCount

  /// The engine asked.
  let endpoint: EngineEndpoint
  /// Requests at once, at least 1.
  let width: Int
  /// Nothing is asked after this; what has been answered counts.
  let deadline: ContinuousClock.Instant

  /// What the engine asked says as the reference.
  func reference(_ tokens: TokenSource) async throws(RequestFailure) -> QualityReference {
    let prompts = QualityPrompts.prompts(of: tokens)
    let answers = try await forEach(prompts) { prompt async throws(RequestFailure) in
      let scored = try await client.score(
        prompt: prompt, maxTokens: QualityPrompts.scoredTokens, alternatives: Divergence.topCount, at: endpoint)
      guard scored.allSatisfy({ !$0.distribution.isEmpty }) else {
        throw .invalidAnswer("the engine gave log-probabilities for some of its tokens only")
      }
      return QualityReference.Continuation(prompt: prompt, tokens: scored)
    }
    let text = try await client.tokenize(QualityPrompts.text, addingSpecial: true, at: endpoint)
    return QualityReference(
      continuations: answers.compactMap { $0 }, text: Array(text.prefix(QualityPrompts.textTokens + 1)))
  }

  /// What the engine asked loses against a reference.
  ///
  /// - Parameter promise: an exact configuration is asked for its choices alone, and for distributions only when those
  ///   differ.
  /// - Returns: nil when too little was answered before the deadline.
  func loss(
    against reference: QualityReference, promise: Fidelity
  ) async throws(RequestFailure) -> QualityLoss? {
    var choices: QualityTally?
    if promise == .exact {
      let tally = try await tally(against: reference, alternatives: 0)
      guard tally.positionCount >= QualityPrompts.leastPositions else { return nil }
      if tally.isExact { return tally.loss() }
      choices = tally
    }
    let distributions = try await tally(against: reference, alternatives: Self.candidateAlternatives)
    guard distributions.positionCount >= QualityPrompts.leastPositions else { return choices?.loss() }
    let perplexity = try await perplexity(of: reference)
    return (choices ?? distributions).loss(
      distributions: distributions, perplexity: perplexity,
      referencePerplexity: perplexity == nil ? nil : reference.textLogs.flatMap(QualityTally.perplexity))
  }

  private func perplexity(of reference: QualityReference) async throws(RequestFailure) -> Double? {
    // Without the reference's there is nothing to compare it with.
    guard reference.textLogs != nil, let logs = try await textLogs(reference.text) else { return nil }
    return QualityTally.perplexity(logs)
  }

  /// The log-probability of each token of a text but the first behind those before it, by forcing one after another: a
  /// prompt's own log-probabilities are nothing this dialect gives.
  ///
  /// - Returns: nil for a text of less than two tokens, for an engine that cannot be forced, or when the deadline came
  ///   first.
  func textLogs(_ text: [Int32]) async throws(RequestFailure) -> [Double]? {
    guard text.count > 1 else { return nil }
    var logs: [Double] = []
    for place in 1..<text.count {
      do throws(RequestFailure) {
        guard
          let scored = try await inTime({ () async throws(RequestFailure) in
            try await client.score(
              prompt: Array(text[..<place]), maxTokens: 1, alternatives: 1, forced: text[place], at: endpoint)
          })
        else { return nil }
        logs.append(scored[0].log)
      } catch .invalidAnswer {
        return nil
      }
    }
    return logs
  }

  private func tally(
    against reference: QualityReference, alternatives: Int
  ) async throws(RequestFailure) -> QualityTally {
    let tallies = try await forEach(reference.continuations) { continuation async throws(RequestFailure) in
      try await tally(against: continuation, alternatives: alternatives)
    }
    // Whole prompts only: the places after a break are not like those before it.
    return tallies.reduce(into: QualityTally()) { sum, tally in
      if let tally { sum.add(tally) }
    }
  }

  private func tally(
    against continuation: QualityReference.Continuation, alternatives: Int
  ) async throws(RequestFailure) -> QualityTally {
    let chosen = continuation.tokens
    var tally = QualityTally()
    var place = 0
    while place < chosen.count {
      let scored = try await client.score(
        prompt: continuation.prompt + chosen[..<place].map(\.token), maxTokens: chosen.count - place,
        alternatives: alternatives, at: endpoint)
      for token in scored {
        // Some engines say nothing of tokens they accepted from a draft; those are asked for again, one by one.
        if alternatives > 0, token.distribution.isEmpty { break }
        tally.add(
          choice: token.token, distribution: alternatives > 0 ? token.distribution : nil, chosen: chosen[place].token,
          reference: chosen[place].distribution)
        place += 1
        if token.token != chosen[place - 1].token { break }
      }
    }
    return tally
  }

  // MARK: Time

  private var client: StreamingClient {
    let left = max(0.001, (deadline - ContinuousClock.now).seconds)
    return StreamingClient(limits: RequestLimits(stallSeconds: left, totalSeconds: left))
  }

  /// Nil when the deadline came first.
  private func inTime<Value: Sendable>(
    _ ask: () async throws(RequestFailure) -> Value
  ) async throws(RequestFailure) -> Value? {
    guard ContinuousClock.now < deadline else { return nil }
    do {
      return try await ask()
    } catch {
      if error.isTimeOut { return nil }
      throw error
    }
  }

  /// Asks for each of the items, `width` at once; nil for those that were not answered before the deadline.
  private func forEach<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ ask: @escaping @Sendable (Item) async throws(RequestFailure) -> Value
  ) async throws(RequestFailure) -> [Value?] {
    let outcome = await withTaskGroup(of: (Int, Result<Value?, RequestFailure>).self) { group in
      var answers = [Value?](repeating: nil, count: items.count)
      var failure: RequestFailure?
      var next = 0
      func start() {
        guard next < items.count, failure == nil else { return }
        let (place, item) = (next, items[next])
        next += 1
        group.addTask {
          do throws(RequestFailure) {
            return (place, .success(try await inTime { () async throws(RequestFailure) in try await ask(item) }))
          } catch {
            return (place, .failure(error))
          }
        }
      }
      for _ in 0..<max(1, width) { start() }
      while let (place, result) = await group.next() {
        switch result {
        case .success(let answer): answers[place] = answer
        case .failure(let error):
          failure = failure ?? error
          group.cancelAll()
        }
        start()
      }
      return failure.map { Result<[Value?], RequestFailure>.failure($0) } ?? .success(answers)
    }
    return try outcome.get()
  }
}
