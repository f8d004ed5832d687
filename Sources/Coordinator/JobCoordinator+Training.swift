import Glibc
import History
import Messaging
import Selection
import Serving

/// Trainings: at most one at a time, and who waits for it.
struct Training: Sendable {
  var policy: RetrainPolicy
  private(set) var isRunning = false
  /// Told what comes out of the training that runs.
  private var waiting: [Asker] = []
  /// Asked when there were newer measurements than the running training may have seen: they get the next one.
  private var waitingForNext: [Asker] = []

  init(policy: RetrainPolicy) { self.policy = policy }

  /// - Returns: whether a training is to start now.
  mutating func ask(_ asker: Asker) -> Bool {
    guard isRunning else {
      waiting.append(asker)
      return true
    }
    if policy.hasNews { waitingForNext.append(asker) } else { waiting.append(asker) }
    return false
  }

  mutating func start(at now: Duration) {
    isRunning = true
    policy.started(at: now)
  }

  /// - Returns: who is to be told, and whether another training is to start.
  mutating func end() -> (told: [Asker], startsAgain: Bool) {
    isRunning = false
    policy.ended()
    let told = waiting
    waiting = waitingForNext
    waitingForNext = []
    return (told, !waiting.isEmpty)
  }
}

/// The training loop: train in a child process, judge what came out on the concurrent pool, then serve it or not.
extension JobCoordinator {
  /// Recent measurements on which an old and a new model are compared: bounds the memory it takes.
  private static let judgedMeasurements: Int64 = 5000

  /// A model that was trained before; without one, what the history holds is worth a training soon after the start.
  func loadSelector() {
    guard let path = configuration.selectorPath, access(path, F_OK) == 0 else {
      for _ in 0..<evidence.measurementCount {
        training.policy.measured()
      }
      return
    }
    do throws(ApusError) {
      selector = try SelectorModel(file: path)
    } catch {
      // Not fatal: without a model the best known configurations are used until the next training.
      logger.warning("the selector in \(path) cannot be used: \(error.reason)")
      // One of an older version, most likely: what the history holds is worth a new one.
      for _ in 0..<evidence.measurementCount {
        training.policy.measured()
      }
    }
  }

  /// Not while a benchmark runs: a training takes all cores, and the trials of a worker on this machine would see it.
  func trainIfDue(at now: Duration) {
    guard benchmarks.isEmpty, evidence.measurementCount >= SelectorTrainer.leastMeasurements else { return }
    if training.policy.shouldTrain(at: now) { startTraining() }
  }

  func train(for asker: Asker) {
    if training.ask(asker) { startTraining() }
  }

  /// Trains unless a training runs already. A failure leaves the selector as it is: what was measured still counts.
  func trainForConfirmation() async {
    guard !training.isRunning else { return }
    training.start(at: time.now())
    metrics.trainings += 1
    await trainOnce()
  }

  private func startTraining() {
    training.start(at: time.now())
    metrics.trainings += 1
    background?.start { await self.trainOnce() }
  }

  private func trainOnce() async {
    let start = time.now()
    let answer: ClientResponse
    do throws(ApusError) {
      var summary = try await trainAndJudge()
      summary.seconds = (time.now() - start).seconds
      logger.info("trained on \(summary.rowCount) measurements: \(summary.reason)")
      answer = .trained(summary)
    } catch {
      logger.warning("the training failed: \(error.reason)")
      answer = .failure(error)
    }
    let (told, startsAgain) = training.end()
    for asker in told {
      self.answer(asker, answer)
    }
    if startsAgain { startTraining() }
  }

  private func trainAndJudge() async throws(ApusError) -> TrainingSummary {
    let path = try await trainer.train()
    // Contexts that are new to both models can only be recent ones.
    let count = Int64(try await store.stats().measurementCount)
    let recent = try await store.measurements(
      MeasurementFilter(afterRow: max(0, count - Self.judgedMeasurements)), includingSamples: false)
    let (model, verdict) = try await Self.judge(
      path, against: selector, on: recent.map(\.measurement), models: Array(directory.models.values))
    if verdict.promotes {
      probation = selector.map { Probation(old: $0, distrusted: verdict.distrusted) }
      selector = model
      keep(path)
      decide(.routesStale)
    } else {
      metrics.selectorsRefused += 1
    }
    return TrainingSummary(
      rowCount: model.rowCount, seconds: 0, wasPromoted: verdict.promotes, reason: verdict.reason)
  }

  @concurrent private static func judge(
    _ path: String, against old: SelectorModel?, on measurements: [Measurement], models: [ModelProfile]
  ) async throws(ApusError) -> (SelectorModel, PromotionGate.Verdict) {
    let new = try SelectorModel(file: path)
    return (new, PromotionGate.decide(old: old, new: new, on: measurements, models: models))
  }

  /// Takes a measurement of a new selector's first jobs; after the last one it stays, or the old one comes back.
  func watchSelector(_ measurement: Measurement) {
    guard let old = probation?.old, let new = selector, let jobs = probation?.add(measurement) else { return }
    let models = Array(directory.models.values)
    background?.start {
      let objection = await Self.objection(to: new, old: old, jobs: jobs, models: models)
      await self.endProbation(of: new, old, objection)
    }
  }

  @concurrent private static func objection(
    to new: SelectorModel, old: SelectorModel, jobs: [Measurement], models: [ModelProfile]
  ) async -> String? {
    Probation.objection(to: new, old: old, jobs: jobs, models: models)
  }

  private func endProbation(of new: SelectorModel, _ old: SelectorModel, _ objection: String?) {
    // Another one may have been trained meanwhile, and has a probation of its own.
    guard selector?.trainedAtMS == new.trainedAtMS, probation?.old.trainedAtMS == old.trainedAtMS else { return }
    probation = nil
    guard let objection else { return }
    metrics.selectorsTakenBack += 1
    logger.warning("the selector trained on \(old.rowCount) measurements serves again: of the new one, \(objection)")
    selector = old
    if let place = configuration.selectorPath { move(previous(place), to: place) }
    decide(.routesStale)
  }

  /// Puts the model's file where the next start finds it, and the old one beside it.
  private func keep(_ path: String) {
    guard let place = configuration.selectorPath, place != path else { return }
    if access(place, F_OK) == 0 { move(place, to: previous(place)) }
    move(path, to: place)
  }

  private func previous(_ place: String) -> String { place + ".previous" }

  private func move(_ path: String, to place: String) {
    guard rename(path, place) != 0 else { return }
    // Harmless for what runs: the model is in memory, and the next start trains again.
    logger.warning("cannot move \(path) to \(place): \(String(cString: strerror(errno)))")
  }
}
