public import ExpertPlacement
public import Serving
import ZeroMQ

/// Batches for measuring placements: seeded rows, and where each layer's router sends them or a recorded trace did.
public struct TrialBatches: Sendable {
  /// The same rows for every layer, since a layer's time depends on where rows go and not on what is in them.
  public struct Batch: Sendable {
    /// `[token][hidden]`.
    public var rows: [Float]
    /// `[layer - layers.lowerBound]`.
    public var routed: [RoutedTokens]
  }

  public let layers: Range<Int>
  private let model: MoEModelFile
  private let routers: [ExpertRouter]
  private let trace: RoutingTrace?
  private let seed: UInt64
  /// Products block, so they have a thread of their own.
  private let loop = PollLoop(name: "apus-router")

  /// - Throws: `badInput` for a trace of another model.
  public init(
    model: MoEModelFile, layers: Range<Int>, trace: RoutingTrace? = nil, seed: UInt64 = 1
  ) throws(ApusError) {
    precondition(
      !layers.isEmpty && layers.lowerBound >= 0 && layers.upperBound <= model.layerCount, "layers of the model")
    if let trace {
      guard trace.expertCount == model.expertCount, trace.layerCount >= layers.upperBound else {
        throw ApusError(
          .badInput,
          "the trace has \(trace.layerCount) layers x \(trace.expertCount) experts, the model \(model.layerCount) x \(model.expertCount)",
          advice: "replay a trace of the same model, or leave it out to run the model's router")
      }
    }
    self.model = model
    self.layers = layers
    self.trace = trace
    self.seed = seed
    var routers: [ExpertRouter] = []
    if trace == nil { for layer in layers { routers.append(try model.router(layer: layer)) } }
    self.routers = routers
  }

  public var topK: Int { trace?.topK ?? model.topK }

  /// The same number and size give the same batch. Batches of a trace follow each other and begin anew at its end.
  public func batch(_ number: Int, tokenCount: Int) async -> Batch {
    await withCheckedContinuation { continuation in
      loop.execute { continuation.resume(returning: make(number, tokenCount)) }
    }
  }

  /// What placements are planned for: the first tokens of the trace, or those of a batch that is not measured.
  public func calibration(tokenCount: Int) async throws(ApusError) -> RoutingTrace {
    if let trace, layers.lowerBound == 0, layers.upperBound == trace.layerCount {
      return trace.selecting(tokens: 0..<max(1, min(tokenCount, trace.tokenCount)))
    }
    let batch = await batch(-1, tokenCount: tokenCount)
    return try RoutingTrace(
      layerCount: layers.count, topK: topK, expertCount: model.expertCount, experts: batch.routed.flatMap(\.experts))
  }

  private func make(_ number: Int, _ tokenCount: Int) -> Batch {
    var random = SeededGenerator(seed: seed &+ UInt64(bitPattern: Int64(number)) &* 0x1234_5678_9ABC_DEF1)
    // Even between the bounds that give a variance of 1, as after the layer's norm.
    let rows = [Float](unsafeUninitializedCapacity: tokenCount * model.hiddenSize) { target, count in
      count = tokenCount * model.hiddenSize
      for index in 0..<count { target[index] = (random.unit() - 0.5) * 3.464_101_6 }
    }
    guard let trace else { return Batch(rows: rows, routed: routers.map { $0.route(rows) }) }
    let count = max(1, trace.tokenCount / tokenCount)
    let place = ((number % count) + count) % count
    let tokens = place * tokenCount..<min(trace.tokenCount, (place + 1) * tokenCount)
    return Batch(
      rows: Array(rows[..<(tokens.count * model.hiddenSize)]),
      routed: layers.map { RoutedTokens(trace, layer: $0, tokens: tokens) })
  }
}

extension SeededGenerator {
  /// From 0 to below 1.
  fileprivate mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }
}
