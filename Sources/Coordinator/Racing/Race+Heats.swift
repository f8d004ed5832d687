import Selection
import Serving

/// Who runs next.
extension Race {
  /// The next heat; nil when the race is decided, or when nothing is left but first looks and they are not wanted.
  ///
  /// - Parameter screens: whether there is time for first looks. Without, the final begins with what is known.
  public func nextHeat(screens: Bool) -> Heat? {
    let beliefs = beliefs()
    if screens {
      let next = firstLooks(beliefs)
      if !next.isEmpty { return Heat(purpose: .screening, candidates: next, rounds: 1) }
    }
    return final(beliefs)
  }

  // MARK: First looks

  private func firstLooks(_ beliefs: KnobEffects) -> [Candidate] {
    let left = min(options.heatSize, options.mostScreened - ratios.count - failed.count)
    guard left > 0 else { return [] }
    let saturated = Saturation(entrants.map(\.candidate.configuration), beliefs: beliefs, measured: Set(ratios.keys))
    func isOpen(_ place: Int) -> Bool {
      ratios[place] == nil && !failed.contains(place)
        && !saturated.forbids(entrants[place].candidate.configuration)
    }
    let opening = (0..<openingCount).filter(isOpen).prefix(left)
    // While the opening runs nobody else does: what it tells is worth waiting for.
    let chosen = opening.isEmpty ? challengers(beliefs, most: left, isOpen) : Array(opening)
    return chosen.map { entrants[$0].candidate }
  }

  /// Those with the most to gain over the leader, each chosen as if the ones before had turned out as believed.
  private func challengers(_ beliefs: KnobEffects, most: Int, _ isOpen: (Int) -> Bool) -> [Int] {
    var beliefs = beliefs
    var chosen: [Int] = []
    let noise = noise
    // An approximate one costs quality: what it may gain over its own kind's leader is worth half.
    var open = entrants.indices.filter(isOpen)
    while chosen.count < most, !open.isEmpty {
      let leaders = (exact: best(beliefs, .exact).mean, approximate: best(beliefs, .approximate).mean)
      var choice: (place: Int, gain: Double)?
      for place in open {
        let isExact = entrants[place].candidate.fidelity == .exact
        let gain = beliefs.expectedGain(place, over: isExact ? leaders.exact : leaders.approximate)
        let worth = isExact ? gain : gain / 2
        if worth > choice?.gain ?? -1 { choice = (place, worth) }
      }
      let screened = ratios.count + failed.count + chosen.count
      guard let choice, choice.gain >= options.leastGain || screened < options.leastScreened else { break }
      chosen.append(choice.place)
      open.removeAll { $0 == choice.place }
      beliefs.believe(choice.place, noise: noise)
    }
    return chosen
  }

  // MARK: The final

  /// The finalists with the fewest rounds; nil when it is decided.
  private func final(_ beliefs: KnobEffects) -> Heat? {
    let exact = finalists(beliefs, .exact, options.finalists)
    let approximate = finalists(beliefs, .approximate, options.approximateFinalists)
    let all = exact + approximate
    // One pair is that of the first look.
    let wanted = options.pairedRounds + 1
    let waiting = all.filter { (ratios[$0]?.count ?? 0) < wanted }
    if !waiting.isEmpty {
      return Heat(
        purpose: .paired, candidates: waiting.map { entrants[$0].candidate }, rounds: options.pairedRounds)
    }
    // Half of the field once more, while they cannot be told apart.
    guard exact.count >= 2, !isBeaten(exact[1], beliefs) else { return nil }
    let last = exact.prefix(2).filter { (ratios[$0]?.count ?? 0) < options.mostRounds + 1 }
    guard !last.isEmpty else { return nil }
    return Heat(purpose: .paired, candidates: last.map { entrants[$0].candidate }, rounds: options.pairedRounds)
  }

  /// The best few that ran, are not beaten, and may still turn out to be worth it, best first.
  private func finalists(_ beliefs: KnobEffects, _ fidelity: Fidelity, _ count: Int) -> [Int] {
    let running = ratios.keys.filter { place in
      !failed.contains(place) && entrants[place].candidate.fidelity == fidelity && !isBeaten(place, beliefs)
        && beliefs.means[place] + Self.quantile * beliefs.variances[place].squareRoot() > Self.worthwhile
    }
    return Array(running.sorted { (-beliefs.means[$0], $0) < (-beliefs.means[$1], $1) }.prefix(count))
  }
}
