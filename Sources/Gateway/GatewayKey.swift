/// Whose a request is, as the API key says that it came with.
public struct GatewayKey: Hashable, Sendable {
  /// What the operator calls it, and the coordinator, too: the tenant that its jobs belong to. A key that is made anew under
  /// a name has the jobs of the one before.
  public var name: String
  /// Whether it may see, cancel and retry everybody's jobs, not its own alone.
  public var isAdmin: Bool

  public init(name: String, isAdmin: Bool = false) {
    self.name = name
    self.isAdmin = isAdmin
  }
}
