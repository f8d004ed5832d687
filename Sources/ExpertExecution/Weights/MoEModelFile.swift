import Engines
public import ExpertPlacement
public import Serving

/// A mixture-of-experts model in a GGUF file: its routers and experts, read as they are asked for.
///
/// Layers are counted over those that have experts: a model whose first blocks are dense has layer 0 behind them.
public struct MoEModelFile: Sendable {
  /// A bound that keeps products of sizes far from overflow; ten times the largest published model's.
  private static let sizeLimit = 1 << 17

  public let path: String
  public let hiddenSize: Int
  public let intermediateSize: Int
  public let expertCount: Int
  public let routing: RoutingRule
  /// The model's own number of each layer.
  public let blocks: [Int]
  private let file: GGUFTensorFile

  public var layerCount: Int { blocks.count }
  public var topK: Int { routing.topK }
  /// Sizes as hosts hold and send them: weights in single precision, rows in half.
  public var geometry: ExpertGeometry {
    ExpertGeometry(
      hiddenSize: hiddenSize, intermediateSize: intermediateSize,
      expertBytes: Double(12 * hiddenSize * intermediateSize), activationBytes: 2)
  }

  /// - Throws: `badInput` naming what is missing: no experts, a routing that is not known here, weights in an encoding that
  ///   is not read here, tensors of other sizes than the model says.
  public init(path: String) throws(ApusError) {
    let file = try GGUFTensorFile(path: path)
    func refuse(_ reason: String, advice: String = "give a GGUF mixture-of-experts model") -> ApusError {
      ApusError(.badInput, "the experts of \(path) cannot be used: \(reason)", advice: advice)
    }
    guard let architecture = file.text("general.architecture") else { throw refuse("it does not say its architecture") }
    func size(_ key: String, _ limit: Int) throws(ApusError) -> Int {
      guard let value = file.count("\(architecture).\(key)"), (1...limit).contains(value) else {
        throw refuse("it says no possible \(architecture).\(key)")
      }
      return value
    }
    guard file.count("\(architecture).expert_count") ?? 0 > 0 else { throw refuse("it has none") }
    let blockCount = try size("block_count", ExpertLoad.layerLimit)
    hiddenSize = try size("embedding_length", Self.sizeLimit)
    expertCount = try size("expert_count", ExpertLoad.expertLimit)
    routing = try RoutingRule(file, architecture: architecture, expertCount: expertCount)
    blocks = (0..<blockCount).filter { file.tensor("blk.\($0).ffn_gate_exps.weight") != nil }
    guard let first = blocks.first, let gate = file.tensor("blk.\(first).ffn_gate_exps.weight"), gate.shape.count == 3
    else { throw refuse("no block has ffn_gate_exps") }
    guard gate.shape[1] <= Self.sizeLimit else { throw refuse("its experts have \(gate.shape[1]) inner elements") }
    intermediateSize = gate.shape[1]
    self.path = path
    self.file = file
    for block in blocks {
      for matrix in Matrix.allCases { _ = try tensor(matrix, block) }
      _ = try routerTensor(block)
      _ = try biasTensor(block)
    }
  }

  // MARK: Weights

  private enum Matrix: String, CaseIterable { case gate, up, down }

  /// One expert, or the part of it that `cut` names.
  ///
  /// - Throws: `badInput` when the file was cut short.
  func expert(_ key: ExpertKey) throws(ApusError) -> ExpertWeights {
    precondition(blocks.indices.contains(key.layer) && (0..<expertCount).contains(key.expert), "an expert of the model")
    precondition(
      !key.cut.isEmpty && key.cut.lowerBound >= 0 && key.cut.upperBound <= intermediateSize, "inner elements")
    let block = blocks[key.layer]
    let inner = key.cut.count
    // Gate and up projection are stored by inner element, so a part of them is one piece.
    let (start, count) = (key.cut.lowerBound * hiddenSize, inner * hiddenSize)
    let gate = try elements(of: .gate, block, key.expert, start..<start + count)
    let up = try elements(of: .up, block, key.expert, start..<start + count)
    var down = try elements(of: .down, block, key.expert, 0..<hiddenSize * intermediateSize)
    if inner < intermediateSize {
      let whole = down
      down = (0..<hiddenSize).flatMap { row in
        whole[row * intermediateSize + key.cut.lowerBound..<row * intermediateSize + key.cut.upperBound]
      }
    }
    return ExpertWeights(hiddenSize: hiddenSize, innerSize: inner, gate: gate, up: up, down: down)
  }

  /// Bytes of an expert in the file, over its three matrices.
  public func fileBytes(ofExpertInLayer layer: Int) -> Int {
    Matrix.allCases.reduce(0) { sum, matrix in
      sum + (file.tensor("blk.\(blocks[layer]).ffn_\(matrix.rawValue)_exps.weight")?.byteCount ?? 0) / expertCount
    }
  }

  /// The router of a layer.
  ///
  /// - Throws: `badInput` when the file was cut short.
  public func router(layer: Int) throws(ApusError) -> ExpertRouter {
    let (tensor, encoding) = try routerTensor(blocks[layer])
    let weights = encoding.decode(try file.bytes(of: tensor, at: 0, count: tensor.byteCount))
    var bias: [Float] = []
    if let (tensor, encoding) = try biasTensor(blocks[layer]) {
      bias = encoding.decode(try file.bytes(of: tensor, at: 0, count: tensor.byteCount))
    }
    return ExpertRouter(
      rule: routing, hiddenSize: hiddenSize, expertCount: expertCount, weights: weights, bias: bias)
  }

  /// - Parameter range: elements within the expert's matrix.
  private func elements(
    of matrix: Matrix, _ block: Int, _ expert: Int, _ range: Range<Int>
  ) throws(ApusError) -> [Float] {
    let (tensor, encoding) = try tensor(matrix, block)
    let start = expert * hiddenSize * intermediateSize + range.lowerBound
    return encoding.decode(
      try file.bytes(of: tensor, at: encoding.byteCount(of: start), count: encoding.byteCount(of: range.count)))
  }

  private func tensor(_ matrix: Matrix, _ block: Int) throws(ApusError) -> (GGUFTensorFile.Tensor, TensorEncoding) {
    let sizes =
      matrix == .down ? [intermediateSize, hiddenSize, expertCount] : [hiddenSize, intermediateSize, expertCount]
    return try checked("blk.\(block).ffn_\(matrix.rawValue)_exps.weight", sizes)
  }

  private func routerTensor(_ block: Int) throws(ApusError) -> (GGUFTensorFile.Tensor, TensorEncoding) {
    try checked("blk.\(block).ffn_gate_inp.weight", [hiddenSize, expertCount])
  }

  /// What the choice of experts is corrected by, in models that have it (DeepSeek-V3).
  private func biasTensor(_ block: Int) throws(ApusError) -> (GGUFTensorFile.Tensor, TensorEncoding)? {
    let name = "blk.\(block).exp_probs_b.bias"
    return file.tensor(name) == nil ? nil : try checked(name, [expertCount])
  }

  private func checked(_ name: String, _ sizes: [Int]) throws(ApusError) -> (GGUFTensorFile.Tensor, TensorEncoding) {
    guard let tensor = file.tensor(name) else {
      throw ApusError(.badInput, "\(path) has no \(name)", advice: "fetch or convert the model again")
    }
    guard tensor.shape == sizes else {
      throw ApusError(
        .badInput, "\(name) of \(path) has the shape \(tensor.shape), where \(sizes) is expected",
        advice: "fetch or convert the model again")
    }
    guard let encoding = TensorEncoding(rawValue: tensor.typeName) else {
      throw ApusError(
        .badInput, "\(name) of \(path) is encoded as \(tensor.typeName), which is not read here",
        advice: "convert the model to one of " + TensorEncoding.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return (tensor, encoding)
  }
}
