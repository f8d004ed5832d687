/// Whose a job is: an authenticated client's own, or one of the tenants that the client speaks for, such as the API keys of
/// a gateway.
///
/// Owners share the nodes evenly while there is a queue, and each has idempotency keys of its own.
public struct JobOwner: Hashable, Sendable, CustomStringConvertible {
  /// The name that the coordinator knows it by.
  public var client: String
  /// What the client calls it; nil for the client itself.
  public var tenant: String?

  public init(client: String, tenant: String? = nil) {
    self.client = client
    self.tenant = tenant
  }

  public var description: String { (tenant.map { "tenant \($0) of " } ?? "") + "client \(client)" }
}

extension JobRecord {
  public var owner: JobOwner { JobOwner(client: client, tenant: spec.tenant) }
}
