import Glibc

/// How much a candidate's next-token distribution differs from a reference's: the Kullback-Leibler divergence
/// KL(reference || candidate) = sum p log(p/q) in nats (Kullback, Leibler: On Information and Sufficiency, 1951).
///
/// Of both only the most probable tokens are known, so it is taken over buckets: one for each of the reference's first
/// `topCount` tokens that the candidate lists too, and one for everything else. Lumping never raises a divergence (data
/// processing inequality), so this is a lower bound of the true one; what the candidate does not list is lumped and not
/// guessed, and its probability is at most that of the last token it lists.
package enum Divergence {
  /// Tokens of the reference with a bucket of their own.
  package static let topCount = 64
  /// Sums of a hundred rounded single-precision probabilities are off by about this much: a rest that is smaller is
  /// taken as this in both, so that the rounding of a nearly full sum is not divided by.
  private static let leastRest = 1e-5

  /// In nats, at least 0 and finite; 0 for equal distributions.
  ///
  /// - Precondition: the reference lists a token.
  package static func nats(of candidate: TokenDistribution, from reference: TokenDistribution) -> Double {
    precondition(!reference.isEmpty, "a reference without tokens has no divergence from anything")
    let known = Dictionary(zip(candidate.tokens, candidate.logs), uniquingKeysWith: { first, _ in first })
    var p: [Double] = []
    var q: [Double] = []
    for (token, log) in zip(reference.tokens, reference.logs).prefix(topCount) {
      guard let other = known[token] else { continue }
      p.append(log)
      q.append(other)
    }
    p.append(rest(of: p))
    q.append(rest(of: q))
    // Over the buckets both are distributions again, so that the sum cannot come out below 0.
    let (pTotal, qTotal) = (TokenDistribution.logSum(p), TokenDistribution.logSum(q))
    let sum = zip(p, q).reduce(0) { sum, pair in
      let log = pair.0 - pTotal
      return sum + exp(log) * (log - (pair.1 - qTotal))
    }
    return max(0, sum)
  }

  /// What a greedy choice tells by itself: the least divergence of any distribution in which `choice` is at least as
  /// probable as the reference's best token. That one shares the two tokens' probability a + b between them equally:
  /// a log(2a/(a+b)) + b log(2b/(a+b)). It is 0 for the reference's own choice.
  package static func leastNats(choosing choice: Int32, against reference: TokenDistribution) -> Double {
    precondition(!reference.isEmpty, "a reference without tokens chooses none")
    guard choice != reference.tokens[0] else { return 0 }
    let best = exp(reference.logs[0])
    let other = reference.tokens.firstIndex(of: choice).map { exp(reference.logs[$0]) } ?? 0
    let half = (best + other) / 2
    guard half > 0 else { return 0 }
    return max(0, best * log(best / half) + (other > 0 ? other * log(other / half) : 0))
  }

  /// The logarithm of what the listed probabilities leave.
  private static func rest(of logs: [Double]) -> Double {
    log(max(leastRest, 1 - logs.reduce(0) { $0 + exp($1) }))
  }
}
