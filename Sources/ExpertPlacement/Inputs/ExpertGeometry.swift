/// How large the experts and the activations of a model are: what turns tokens into seconds and bytes.
public struct ExpertGeometry: Hashable, Sendable {
  /// Elements of a token's hidden state.
  public var hiddenSize: Int
  /// Elements between an expert's two projections.
  public var intermediateSize: Int
  /// Bytes of one expert's weights.
  public var expertBytes: Double
  /// Bytes of an element on its way to a host and back; f16 unless said.
  public var activationBytes: Double

  public init(hiddenSize: Int, intermediateSize: Int, expertBytes: Double, activationBytes: Double = 2) {
    precondition(hiddenSize > 0 && intermediateSize > 0 && expertBytes > 0 && activationBytes > 0, "sizes are positive")
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.expertBytes = expertBytes
    self.activationBytes = activationBytes
  }

  /// Operations of one expert for one token: gate, up and down projection, a multiplication and an addition each.
  public var operationsPerToken: Double { 6 * Double(hiddenSize) * Double(intermediateSize) }
  /// Bytes of a token's row to a host and of its partial sum back.
  public var rowBytes: Double { 2 * Double(hiddenSize) * activationBytes }
}
