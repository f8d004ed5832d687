import Glibc

/// What a model says of the next token: its most probable tokens with their log-probabilities, most probable first.
///
/// Engines give single-precision logarithms of a softmax over the whole vocabulary. Everything else they may send is
/// mended here: a probability of 0 comes as the lowest number there is, rounding may leave a logarithm above 0, and
/// what is no number is no token.
package struct TokenDistribution: Hashable, Sendable {
  /// exp(-100) is below the least single-precision number: less probable is written so.
  package static let leastLog = -100.0

  /// Tokens, each once.
  package let tokens: [Int32]
  /// Of each token; ascending nowhere, 0 at most, `leastLog` at least.
  package let logs: [Double]

  package init(_ entries: [(token: Int32, log: Double)]) {
    var seen: Set<Int32> = []
    let sound = entries.filter { !$0.log.isNaN && seen.insert($0.token).inserted }
      .map { (token: $0.token, log: min(0, max(Self.leastLog, $0.log))) }
      // Equal ones by token, so that the order never depends on how they came.
      .sorted { ($1.log, $0.token) < ($0.log, $1.token) }
    tokens = sound.map(\.token)
    logs = sound.map(\.log)
  }

  package var isEmpty: Bool { tokens.isEmpty }

  /// How much more probable the first token is than the second, in nats; infinite with fewer than two.
  package var margin: Double { logs.count > 1 ? logs[0] - logs[1] : .infinity }

  /// The logarithm of a sum of exponentials, without overflow or loss: the greatest is taken out first.
  package static func logSum(_ logs: some Sequence<Double>) -> Double {
    guard let greatest = logs.max(), greatest > -.infinity else { return -.infinity }
    return greatest + log(logs.reduce(0) { $0 + exp($1 - greatest) })
  }
}
