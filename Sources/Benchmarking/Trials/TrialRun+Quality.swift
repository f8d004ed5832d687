import Engines
import Serving

/// Why a configuration's quality was not measured.
struct ProbeFailure: Error {
  var reason: String
  /// Whether the engine is as good as before.
  var leavesEngineUsable = true
}

/// The quality of the configurations that lack a measurement of it, each once in a trial, right after its first
/// completed block: the engine is warm then, and what goes wrong here costs no measurement.
extension TrialRun {
  /// Adds the quality to a block's measurement, or a warning that says why there is none.
  mutating func addQuality(to measurement: inout Measurement, _ candidate: Int) async {
    guard measurement.outcome.metrics != nil, !Task.isCancelled, ContinuousClock.now < deadline,
      probeSeconds < timing.qualityShare * spec.timeLimitSeconds, unprobed.remove(candidate) != nil
    else { return }
    let start = ContinuousClock.now
    defer { probeSeconds += (ContinuousClock.now - start).seconds }
    do throws(ProbeFailure) {
      measurement.quality = try await quality(candidate)
    } catch {
      // The trial is over, and says so itself.
      if Task.isCancelled { return }
      measurement.warnings.append("\(Measurement.noQualityWarning): \(error.reason)")
      if !error.leavesEngineUsable { await stopEngine(candidate) }
    }
  }

  private mutating func quality(_ candidate: Int) async throws(ProbeFailure) -> QualityLoss {
    let proposed = spec.candidates[candidate]
    let reference = try await reference(proposed.configuration.engine)
    let probe = try await probe(candidate)
    let loss: QualityLoss?
    do throws(RequestFailure) {
      loss = try await probe.loss(against: reference, promise: proposed.fidelity)
    } catch {
      throw ProbeFailure(reason: error.description, leavesEngineUsable: error.leavesEngineUsable)
    }
    guard let loss else { throw tooSlow }
    return loss
  }

  /// What the engine's default says, asked for once in a trial.
  private mutating func reference(_ engine: EngineName) async throws(ProbeFailure) -> QualityReference {
    if let known = references[engine] { return try known.get() }
    do throws(ProbeFailure) {
      let reference = try await askDefault(engine)
      references[engine] = .success(reference)
      return reference
    } catch {
      // What was done to the default's engine is done; the candidate's has no part in it.
      let failure = ProbeFailure(reason: error.reason)
      references[engine] = .failure(failure)
      throw failure
    }
  }

  private mutating func askDefault(_ engine: EngineName) async throws(ProbeFailure) -> QualityReference {
    let place = spec.candidates.firstIndex {
      $0.configuration.isDefault && $0.configuration.engine == engine
    }
    guard let place else {
      throw ProbeFailure(
        reason: "the default of \(engine) is not in the trial, and nothing else is exact by definition")
    }
    let probe = try await probe(place)
    do throws(RequestFailure) {
      guard let tokens else {
        throw .invalidAnswer("engines of this dialect give no log-probabilities by token id")
      }
      var reference = try await probe.reference(tokens)
      let positions = reference.continuations.reduce(0) { $0 + $1.tokens.count }
      guard positions >= QualityPrompts.leastPositions else { throw .timedOut(afterSeconds: timing.qualitySeconds) }
      reference.textLogs = try await probe.textLogs(reference.text)
      return reference
    } catch {
      if !error.leavesEngineUsable { await stopEngine(place) }
      throw error.isTimeOut ? tooSlow : ProbeFailure(reason: "of the default, \(error.description)")
    }
  }

  private mutating func probe(_ candidate: Int) async throws(ProbeFailure) -> QualityProbe {
    do throws(EngineFailure) {
      let process = try await readyEngine(candidate)
      let configuration = spec.candidates[candidate].configuration
      return QualityProbe(
        endpoint: host.endpoint(of: process, configuration),
        width: min(QualityPrompts.promptCount, max(1, configuration[.slotCount]?.intValue ?? 1)),
        deadline: .now + .seconds(timing.qualitySeconds))
    } catch {
      throw ProbeFailure(
        reason: "\(spec.candidates[candidate].configuration.label) could not be asked: \(error.outcome.kind)")
    }
  }

  private var tooSlow: ProbeFailure {
    ProbeFailure(
      reason: "fewer than \(QualityPrompts.leastPositions) tokens came within \(timing.qualitySeconds) s",
      leavesEngineUsable: false)
  }
}
