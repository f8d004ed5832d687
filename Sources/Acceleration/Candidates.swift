public import Serving

/// Proposes what could be run in a context: the engine's default first, then each method alone, then combinations.
public enum Candidates {
  /// Most candidates of one context. What is over it is left out from the end, where the combinations are.
  public static let limit = 200
  /// Settings of each method that go into combinations: its most promising ones.
  static let settingsPerCombination = 2

  /// Applicable and refused candidates, the same for equal contexts.
  ///
  /// - Parameter methods: those to propose; empty for all. Unknown names propose nothing.
  public static func propose(in context: AccelerationContext, methods: [MethodName] = [])
    -> [Candidate]
  {
    let chosen = MethodCatalogue.all.filter { methods.isEmpty || methods.contains($0.name) }
    let start = context.base
    let base = start.configuration
    var proposed = [checked(start, in: context)]
    // Settings that alone can run: only those are combined.
    var usable: [(method: any AccelerationMethod, settings: [MethodSetting])] = []

    for method in chosen {
      let settings = settings(of: method, in: context)
      var good: [MethodSetting] = []
      for setting in settings {
        let candidate = checked(
          Candidate(
            configuration: base.adding(method.name, setting.knobs), fidelity: method.fidelity,
            refusedReason: start.refusedReason ?? setting.refusedReason), in: context)
        proposed.append(candidate)
        if candidate.isApplicable { good.append(setting) }
      }
      usable.append((method, Array(good.prefix(settingsPerCombination))))
    }

    let combinations =
      Combinations.pairs.map { [$0.0, $0.1] } + Combinations.triples.map { [$0.0, $0.1, $0.2] }
    for names in combinations {
      let parts = names.compactMap { name in usable.first { $0.method.name == name } }
      guard parts.count == names.count else { continue }
      proposed += combine(parts[...], onto: Candidate(configuration: base, fidelity: .exact)).map {
        checked($0, in: context)
      }
    }
    return Array(proposed.prefix(limit))
  }

  /// What a method would set, with what the engine cannot do of it refused. Where it can do nothing of it, once.
  private static func settings(
    of method: any AccelerationMethod, in context: AccelerationContext
  ) -> [MethodSetting] {
    if let reason = context.abilities.absences[method.name] { return [.refused(reason)] }
    if !method.knobs.isDisjoint(with: context.abilities.acceleratorKnobs), let reason = context.noAccelerators {
      return [.refused(reason)]
    }
    let settings = method.settings(in: context)
    let wanted = settings.filter { $0.refusedReason == nil }
    let missing = wanted.map { Set($0.knobs.keys).subtracting(context.abilities.knobs) }
    if !wanted.isEmpty, missing.allSatisfy({ !$0.isEmpty }) {
      let all = missing.reduce(into: Set<KnobName>()) { $0.formUnion($1) }
      return [.refused(EngineAbilities.cannotBeTold(all, engine: context.engine))]
    }
    return settings.map { setting in
      guard setting.refusedReason == nil else { return setting }
      return MethodSetting(
        setting.knobs,
        refusedReason: context.abilities.refusal(of: setting.knobs, engine: context.engine)
          ?? KnobRules.violation(of: setting.knobs))
    }
  }

  private static func combine(
    _ parts: ArraySlice<(method: any AccelerationMethod, settings: [MethodSetting])>,
    onto candidate: Candidate
  ) -> [Candidate] {
    guard let first = parts.first else { return [candidate] }
    return first.settings.flatMap { setting -> [Candidate] in
      guard KnobRules.conflict(candidate.configuration.knobs, setting.knobs) == nil else {
        return []
      }
      let next = Candidate(
        configuration: candidate.configuration.adding(first.method.name, setting.knobs),
        fidelity: max(candidate.fidelity, first.method.fidelity))
      return combine(parts.dropFirst(), onto: next)
    }
  }

  /// The candidate, refused when the context says no to any configuration like it.
  private static func checked(_ candidate: Candidate, in context: AccelerationContext) -> Candidate {
    var candidate = candidate
    candidate.refusedReason =
      candidate.refusedReason ?? contextRefusal(context)
      ?? (context.isAttached ? nil : memoryRefusal(candidate.configuration, context))
    return candidate
  }

  private static func contextRefusal(_ context: AccelerationContext) -> String? {
    guard context.model.eagleVersion == 0 else {
      return "\(context.model.name) is an EAGLE head: it drafts for another model and answers nothing by itself"
    }
    let (sum, overflows) = context.workload.promptTokens.upperBound.addingReportingOverflow(
      context.workload.outputTokens.upperBound)
    let needed = overflows ? Int.max : sum
    guard context.model.contextLength > 0, needed > context.model.contextLength else { return nil }
    return
      "prompt and output take \(needed) tokens, \(context.model.name) has \(context.model.contextLength)"
  }

  private static func memoryRefusal(
    _ configuration: EngineConfiguration, _ context: AccelerationContext
  ) -> String? {
    let estimate = MemoryEstimate(configuration, in: context)
    if estimate.acceleratorBytes > 0,
      let refusal = estimate.acceleratorRefusal(
        context.accelerators, context.corrections.acceleratorCorrection(of: estimate))
    {
      return refusal
    }
    let limit = context.memoryLimitBytes
    // Most are far below it whatever was learned, and this runs for every candidate of every recommendation.
    guard estimate.totalBytes > limit / 32 else { return nil }
    let correction = context.corrections.correction(of: estimate)
    let planned = correction.plannedBytes(estimate.totalBytes)
    guard planned > limit else { return nil }
    return
      "\(estimate), \(correction): \(MemoryEstimate.megabytes(planned)) are over the limit of "
      + MemoryEstimate.megabytes(limit)
  }
}
