import Serving

/// How a model is spread over processes or GPUs, as a configuration says and its shape allows.
struct ModelParallelism {
  let tensor: Int?
  let pipeline: Int?
  let data: Int?
  /// Whether whole experts are on one GPU each, in place of a part of every expert on all.
  let isExpert: Bool

  /// Processes, or GPUs, that compute.
  var width: Int { (tensor ?? 1) * (pipeline ?? 1) * (data ?? 1) }

  /// - Throws: `badInput` when the model cannot be divided so.
  init(_ knobs: KnobReader, _ model: ModelProfile) throws(ApusError) {
    tensor = try knobs.int(.tensorParallel, in: 1...64)
    pipeline = try knobs.int(.pipelineParallel, in: 1...64)
    data = try knobs.int(.dataParallel, in: 1...64)
    isExpert = try knobs.bool(.expertParallel) ?? false
    if let tensor, model.headCount > 0, model.headCount % tensor != 0 {
      throw ApusError(
        .badInput, "tensor_parallel=\(tensor) does not divide the \(model.headCount) heads of \(model.name)",
        advice: "Use a divisor.")
    }
    if let pipeline, model.layerCount > 0, pipeline > model.layerCount {
      throw ApusError(
        .badInput, "pipeline_parallel=\(pipeline) is more than the \(model.layerCount) layers of \(model.name)",
        advice: "Use at most one stage for each layer.")
    }
    if isExpert, !model.isMixtureOfExperts {
      throw ApusError(.badInput, "expert_parallel=on: \(model.name) has no experts", advice: "Leave it out.")
    }
  }
}
