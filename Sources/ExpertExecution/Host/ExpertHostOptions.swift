public import ExpertPlacement
public import ZeroMQ

/// How a host of experts listens and computes.
public struct ExpertHostOptions: Sendable {
  public enum Computing: String, Sendable, CaseIterable {
    case experts
    /// Gives rows back as they came: what all but the computing costs.
    case passing
  }

  /// `tcp://HOST:PORT`; `*` lets the system choose a port.
  public var address: String
  public var keys: CurveKeyPair
  /// Public keys (Z85) of the hubs that are let in; nobody else is.
  public var hubKeys: Set<String>
  /// A slower machine to play; nil computes as fast as this one can.
  public var emulated: PlacementHost.Speed?
  public var computing: Computing
  /// Most rows of a batch.
  public var rowLimit = 1 << 16
  /// Most bytes of rows that are received or wait to be computed; a batch above it is refused with "try again".
  public var pendingLimit = 512 << 20
  /// A batch whose parts are not all there after this long is forgotten: its hub has gone.
  public var partsTimeout: Duration = .seconds(60)

  public init(
    address: String = "tcp://127.0.0.1:*", keys: CurveKeyPair, hubKeys: Set<String>,
    emulated: PlacementHost.Speed? = nil, computing: Computing = .experts
  ) {
    self.address = address
    self.keys = keys
    self.hubKeys = hubKeys
    self.emulated = emulated
    self.computing = computing
  }
}
