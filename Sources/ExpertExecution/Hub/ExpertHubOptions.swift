public import ZeroMQ

/// A host as its hub is introduced to it.
public struct ExpertHostAddress: Hashable, Sendable {
  public var name: String
  /// `tcp://HOST:PORT`.
  public var address: String
  /// Its public key (Z85).
  public var publicKey: String

  public init(name: String, address: String, publicKey: String) {
    self.name = name
    self.address = address
    self.publicKey = publicKey
  }
}

/// How a hub works.
public struct ExpertHubOptions: Sendable {
  /// The hub's own pair; hosts must let its public key in.
  public var keys: CurveKeyPair
  /// The plan's hosts, in its order.
  public var hosts: [ExpertHostAddress]
  /// A batch whose answers are not there after this long is asked of replicas, too; nil never asks twice.
  public var hedgeAfter: Duration? = nil
  /// A batch that is not complete after this long fails.
  public var deadline: Duration = .seconds(60)
  /// A move of a layer's experts that takes longer fails; the layer stays where it is.
  public var moveDeadline: Duration = .seconds(300)

  public init(keys: CurveKeyPair, hosts: [ExpertHostAddress]) {
    self.keys = keys
    self.hosts = hosts
  }
}
