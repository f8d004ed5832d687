public import Serving

/// The experts each token was routed to, token by token: knows what a load does not, which experts are used together.
public struct RoutingTrace: Hashable, Sendable {
  public let layerCount: Int
  public let tokenCount: Int
  /// Experts for each token.
  public let topK: Int
  public let expertCount: Int
  /// `experts[(layer * tokenCount + token) * topK + place]`; a token's experts differ.
  private let experts: [UInt16]

  /// - Throws: `badInput` for sizes that do not fit, an expert that the model does not have, and one named twice by a token.
  public init(layerCount: Int, topK: Int, expertCount: Int, experts: [UInt16]) throws(ApusError) {
    guard (1...ExpertLoad.layerLimit).contains(layerCount), (1...ExpertLoad.expertLimit).contains(expertCount) else {
      throw ApusError(
        .badInput, "\(layerCount) layers of \(expertCount) experts are not possible",
        advice: "at most \(ExpertLoad.layerLimit) layers of \(ExpertLoad.expertLimit) experts")
    }
    guard topK >= 1, topK <= expertCount else {
      throw ApusError(.badInput, "top-\(topK) of \(expertCount) experts is not possible")
    }
    guard !experts.isEmpty, experts.count % (layerCount * topK) == 0 else {
      throw ApusError(
        .badInput,
        "\(experts.count) expert ids are not the same number of tokens in \(layerCount) layers, \(topK) each",
        advice: "check the layers and the top-k of the trace")
    }
    self.layerCount = layerCount
    self.topK = topK
    self.expertCount = expertCount
    tokenCount = experts.count / layerCount / topK
    // The token that last named each expert, so that a repeat within a token is seen.
    var lastToken = [Int](repeating: -1, count: expertCount)
    for (place, expert) in experts.enumerated() {
      let token = place / topK
      guard Int(expert) < expertCount else {
        throw ApusError(
          .badInput, "the trace has expert \(expert) at id \(place), of a model with \(expertCount) experts",
          advice: "check the trace's layers, top-k and experts")
      }
      guard lastToken[Int(expert)] != token else {
        throw ApusError(
          .badInput, "token \(token % tokenCount) of layer \(token / tokenCount) has expert \(expert) twice",
          advice: "drop padding and warm-up rows from the trace, and check its layers and top-k")
      }
      lastToken[Int(expert)] = token
    }
    self.experts = experts
  }

  /// - Parameter bytes: one byte for each id, `[layer][token][topK]`.
  public init(bytes: [UInt8], layerCount: Int, topK: Int, expertCount: Int) throws(ApusError) {
    try self.init(layerCount: layerCount, topK: topK, expertCount: expertCount, experts: bytes.map { UInt16($0) })
  }

  /// The experts of one token in one layer.
  public func experts(layer: Int, token: Int) -> ArraySlice<UInt16> {
    let start = (layer * tokenCount + token) * topK
    return experts[start..<start + topK]
  }

  public var load: ExpertLoad {
    var tokens = [Double](repeating: 0, count: layerCount * expertCount)
    for layer in 0..<layerCount {
      for expert in experts[layer * tokenCount * topK..<(layer + 1) * tokenCount * topK] {
        tokens[layer * expertCount + Int(expert)] += 1
      }
    }
    return ExpertLoad(layerCount: layerCount, expertCount: expertCount, tokens: tokens)
  }

  /// How often two experts served the same token, `[expert * expertCount + expert]`, symmetric, zero on the diagonal.
  public func coActivation(layer: Int) -> [Float] {
    var counts = [Float](repeating: 0, count: expertCount * expertCount)
    for token in 0..<tokenCount {
      let experts = experts(layer: layer, token: token)
      for a in experts {
        for b in experts where a != b { counts[Int(a) * expertCount + Int(b)] += 1 }
      }
    }
    return counts
  }

  /// How often a token went from an expert of this layer to one of the next, `[expert * expertCount + next]`; nil for
  /// the last layer.
  public func transitions(after layer: Int) -> [Float]? {
    guard layer + 1 < layerCount else { return nil }
    var counts = [Float](repeating: 0, count: expertCount * expertCount)
    for token in 0..<tokenCount {
      for a in experts(layer: layer, token: token) {
        for b in experts(layer: layer + 1, token: token) { counts[Int(a) * expertCount + Int(b)] += 1 }
      }
    }
    return counts
  }

  /// Some of the tokens, in order.
  public func selecting(tokens range: Range<Int>) -> RoutingTrace {
    precondition(range.lowerBound >= 0 && range.upperBound <= tokenCount && !range.isEmpty, "tokens of the trace")
    var kept: [UInt16] = []
    kept.reserveCapacity(layerCount * range.count * topK)
    for layer in 0..<layerCount {
      let start = layer * tokenCount * topK
      kept += experts[start + range.lowerBound * topK..<start + range.upperBound * topK]
    }
    return RoutingTrace(of: self, tokenCount: range.count, experts: kept)
  }

  /// One of the layers alone.
  public func selecting(layer: Int) -> RoutingTrace {
    precondition((0..<layerCount).contains(layer), "a layer of the trace")
    let size = tokenCount * topK
    return RoutingTrace(
      of: self, layerCount: 1, tokenCount: tokenCount, experts: Array(experts[layer * size..<(layer + 1) * size]))
  }

  private init(of trace: RoutingTrace, layerCount: Int? = nil, tokenCount: Int, experts: [UInt16]) {
    self.layerCount = layerCount ?? trace.layerCount
    topK = trace.topK
    expertCount = trace.expertCount
    self.tokenCount = tokenCount
    self.experts = experts
  }
}
