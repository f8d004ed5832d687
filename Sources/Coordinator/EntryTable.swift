/// A dictionary whose values lie in a row and are read where they are.
///
/// Whoever looks at one field of a value in a `Dictionary` copies all of the value, and counts all that it refers to. Here
/// `values[place]` is as good as a variable. Entries are in no order.
struct EntryTable<Key: Hashable & Sendable, Value: Sendable>: Sequence, Sendable {
  private var places: [Key: Int] = [:]
  private(set) var keys: [Key] = []
  /// By place; how many there are is for the subscript to change.
  var values: [Value] = []

  init() {}

  /// Where a key's value is until any entry is removed; nil for a key that is not here.
  func index(forKey key: Key) -> Int? { places[key] }

  /// Nil removes an entry: the last one takes its place.
  subscript(key: Key) -> Value? {
    get { places[key].map { values[$0] } }
    set {
      guard let newValue else {
        removeValue(forKey: key)
        return
      }
      if let place = places[key] {
        values[place] = newValue
      } else {
        insert(newValue, forKey: key)
      }
    }
  }

  /// Adds an entry where there is none.
  subscript(key: Key, default value: @autoclosure () -> Value) -> Value {
    get { places[key].map { values[$0] } ?? value() }
    _modify { yield &values[places[key] ?? insert(value(), forKey: key)] }
  }

  /// Adds an entry with a key that is not here yet.
  ///
  /// - Returns: its place.
  @discardableResult mutating func insert(_ value: consuming Value, forKey key: Key) -> Int {
    let known = places.updateValue(values.count, forKey: key)
    precondition(known == nil, "an entry is added once")
    keys.append(key)
    values.append(value)
    return values.count - 1
  }

  @discardableResult mutating func removeValue(forKey key: Key) -> Value? {
    guard let place = places.removeValue(forKey: key) else { return nil }
    let last = values.count - 1
    if place < last {
      keys.swapAt(place, last)
      // Moved, where the array's own `swapAt` copies both.
      values.withUnsafeMutableBufferPointer { $0.swapAt(place, last) }
      places[keys[place]] = place
    }
    keys.removeLast()
    return values.removeLast()
  }

  func makeIterator() -> some IteratorProtocol<(key: Key, value: Value)> {
    zip(keys, values).lazy.map { (key: $0, value: $1) }.makeIterator()
  }
}
