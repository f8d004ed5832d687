/// A large value behind one reference, for values that are handed on far more often than they are read or changed.
///
/// A measurement names its whole machine and its whole model: thirty references that would be counted at every copy on
/// its way through a coordinator. Behaves like the value itself, also when it is compared, hashed, encoded and decoded;
/// a copy that is changed leaves the others as they were.
@propertyWrapper
public struct Boxed<Value: Hashable & Codable & Sendable>: Hashable, Codable, Sendable {
  /// Unchecked: `value` is changed only while one box alone refers to it, so only by whoever may change that box.
  private final class Storage: @unchecked Sendable {
    @exclusivity(unchecked) var value: Value
    init(_ value: Value) { self.value = value }
  }

  private var storage: Storage

  public init(wrappedValue: Value) { storage = Storage(wrappedValue) }

  public var wrappedValue: Value {
    _read { yield storage.value }
    _modify {
      if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.value) }
      yield &storage.value
    }
  }

  /// The box itself, to hand the value on without opening it.
  public var projectedValue: Boxed {
    get { self }
    set { self = newValue }
  }

  /// Which box this is: two with the same identity hold the same value.
  public var identity: ObjectIdentifier { ObjectIdentifier(storage) }

  public static func == (a: Boxed, b: Boxed) -> Bool { a.storage === b.storage || a.storage.value == b.storage.value }

  public func hash(into hasher: inout Hasher) { storage.value.hash(into: &hasher) }

  public init(from decoder: any Decoder) throws { storage = Storage(try Value(from: decoder)) }

  public func encode(to encoder: any Encoder) throws { try storage.value.encode(to: encoder) }
}
