/// Remembers the last of many values, to know one that comes again.
public struct RecentValues<Value: Hashable & Sendable>: Sendable {
  private let limit: Int
  private var known: Set<Value> = []
  /// In the order they came, up to `oldest`, which is the next to be forgotten once `limit` are there.
  private var order: [Value] = []
  private var oldest = 0

  /// - Parameter limit: of the values remembered, at least 1.
  public init(limit: Int) {
    precondition(limit >= 1, "at least one value is remembered")
    self.limit = limit
  }

  public func contains(_ value: Value) -> Bool { known.contains(value) }

  /// - Returns: whether it is new.
  @discardableResult
  public mutating func insert(_ value: Value) -> Bool {
    guard known.insert(value).inserted else { return false }
    if order.count < limit {
      order.append(value)
    } else {
      known.remove(order[oldest])
      order[oldest] = value
      oldest = (oldest + 1) % limit
    }
    return true
  }
}
