import Serving

/// Where the evidence of one worker's engine is for one model and workload.
struct WorkerContexts: Sendable {
  struct Place: Sendable {
    var current: EvidenceIndex.Context
    /// Before `change`.
    var former: EvidenceIndex.Context?
    var change: KnowledgeChange?
  }

  var ofNode: Place
  /// Strategies that went their own way, by family.
  var ofFamilies: [Int32: Place]
  /// See `WorkScale`.
  var scale: SIMD8<Float>

  func place(of family: Int32) -> Place { ofFamilies.isEmpty ? ofNode : ofFamilies[family] ?? ofNode }
}

extension EvidenceIndex {
  func contexts(
    model: ModelProfile, hardware: HardwareProfile, worker: WorkerName, engine: EngineName, workload: Workload
  ) -> WorkerContexts {
    let scale = WorkScale(model, hardware)
      .logarithms(promptTokens: workload.meanPromptTokens, outputTokens: workload.meanOutputTokens)
    guard let numbers = place(model: model.id, hardware: hardware) else {
      return WorkerContexts(ofNode: WorkerContexts.Place(current: Context()), ofFamilies: [:], scale: scale)
    }
    func located(_ place: NodeHistory.Place) -> WorkerContexts.Place {
      WorkerContexts.Place(
        current: context(model: numbers.model, home: place.home, workload),
        former: place.former.map { context(model: numbers.model, home: $0, workload) }, change: place.change)
    }
    return WorkerContexts(
      ofNode: located(nodes.place(worker, engine, hardware: numbers.hardware)),
      ofFamilies: nodes.families(worker, engine, hardware: numbers.hardware).mapValues(located), scale: scale)
  }
}
