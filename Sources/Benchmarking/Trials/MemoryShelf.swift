/// Which engines stay loaded in a limited memory: the least recently used ones make room.
///
/// Pure: it names who must go; stopping them is the caller's. With enough memory nobody ever goes, so all
/// configurations run side by side; with little, each block's engine replaces another.
package struct MemoryShelf {
  package let limitBytes: Int
  /// Least recently used first.
  private var held: [(id: Int, bytes: Int)] = []

  package init(limitBytes: Int) { self.limitBytes = limitBytes }

  package var ids: [Int] { held.map(\.id) }

  /// Notes that `id` is used now and says which others must leave first.
  ///
  /// One that is larger than the limit by itself is let in alone: the forecast may be wrong, and the engine's own limit
  /// finds out.
  package mutating func use(_ id: Int, bytes: Int) -> [Int] {
    remove(id)
    var evicted: [Int] = []
    while let oldest = held.first, held.reduce(bytes, { $0 + $1.bytes }) > limitBytes {
      evicted.append(oldest.id)
      held.removeFirst()
    }
    held.append((id, bytes))
    return evicted
  }

  package mutating func remove(_ id: Int) { held.removeAll { $0.id == id } }
}
