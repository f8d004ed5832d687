/// Events by time; of equal times the one added first.
struct EventHeap<Event> {
  private var entries: [(time: Double, order: Int, event: Event)] = []
  private var nextOrder = 0

  var nextTime: Double? { entries.first?.time }

  mutating func add(_ event: Event, at time: Double) {
    entries.append((time, nextOrder, event))
    nextOrder += 1
    var child = entries.count - 1
    while child > 0, isBefore(child, (child - 1) / 2) {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() -> (time: Double, event: Event)? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return (first.time, first.event) }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && isBefore(child, least) {
        least = child
      }
      guard least != parent else { return (first.time, first.event) }
      entries.swapAt(parent, least)
      parent = least
    }
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (entries[a].time, entries[a].order) < (entries[b].time, entries[b].order)
  }
}
