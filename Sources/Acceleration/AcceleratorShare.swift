import Serving

/// How much of a model a configuration puts on the GPUs of its node, where its engine computes on them.
///
/// llama.cpp's words, which the other engines' cases are ends of: the last `gpu_layers` of the layers, and one more for
/// the output, with their part of the cache; less the experts that were left on the processor.
public struct AcceleratorShare: Hashable, Sendable {
  /// Of the layers, 0...1.
  public var layers: Double
  /// Of the weights, 0...1.
  public var weights: Double
  /// Of the weights that a token reads, 0...1.
  public var work: Double
  /// Whether the engine puts there what fits, as the configuration leaves it to it.
  public var isFitted: Bool

  public static let none = AcceleratorShare(layers: 0, weights: 0, work: 0, isFitted: false)

  private init(layers: Double, weights: Double, work: Double, isFitted: Bool) {
    self.layers = layers
    self.weights = weights
    self.work = work
    self.isFitted = isFitted
  }

  /// - Parameter layers: the share to put there where the configuration leaves it to the engine, which takes as many as
  ///   fit.
  init(_ settings: EngineSettings, _ model: ModelProfile, fitting layers: Double) {
    self.layers = settings.gpuLayers.map { min(1, Double($0) / Double(model.layerCount + 1)) } ?? layers
    weights = self.layers
    work = self.layers
    isFitted = settings.gpuLayers == nil
    guard self.layers > 0, model.isMixtureOfExperts, model.layerCount > 0, model.weightBytes > 0 else { return }
    let leftOut = max(
      min(1, Double(settings.expertCPULayers) / Double(model.layerCount)), settings.expertShareOnCPU)
    let used = Double(model.expertsPerToken) / Double(model.expertCount)
    let all = Double(model.weightBytes)
    let active = Double(model.activeWeightBytes)
    let experts = used < 1 ? max(0, all - active) / (1 - used) : all
    weights = max(0, weights - leftOut * experts / all)
    work = max(0, work - leftOut * min(1, experts * used / max(1, active)))
  }
}

extension EngineSettings {
  /// Whether an engine that can compute on GPUs does with these: a build for a set of processor instructions has no code
  /// for them, and no layers may be given to them.
  var mayUseAccelerators: Bool { buildBits == 0 && gpuLayers != 0 }
}
