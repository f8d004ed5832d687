import Serving

/// How many jobs wait for a worker, and whose, so that one tenant's do not fill the queue.
///
/// A tenant may have as many jobs waiting as places are left (dynamic thresholds, Choudhury and Hahne 1998, with a factor
/// of one): alone it gets half of the queue, two get a third each, and who comes later finds room. A client's own jobs may
/// take all of it.
struct QueueCount: Sendable {
  private(set) var total = 0
  private var tenants: [JobOwner: Int] = [:]

  mutating func enter(_ owner: JobOwner) {
    total += 1
    if owner.tenant != nil { tenants[owner, default: 0] += 1 }
  }

  mutating func leave(_ owner: JobOwner) {
    total -= 1
    guard owner.tenant != nil, let count = tenants[owner] else { return }
    tenants[owner] = count > 1 ? count - 1 : nil
  }

  /// - Parameter free: places that are left.
  func mayEnter(_ owner: JobOwner, free: Int) -> Bool {
    free > 0 && (owner.tenant == nil || count(of: owner) < free)
  }

  /// Of a tenant.
  func count(of owner: JobOwner) -> Int { tenants[owner] ?? 0 }
}
