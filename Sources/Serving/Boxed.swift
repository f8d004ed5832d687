/// A large value behind one reference, for values that are handed on far more often than they are read or changed.
///
/// A measurement names its whole machine and its whole model: thirty references that would be counted at every copy on
/// its way through a coordinator. Behaves like the value itself, also when it is compared, hashed, encoded and decoded;
/// a copy that is changed leaves the others as they were.
@propertyWrapper
public struct Boxed<Value: Hashable & Codable & Sendable>: Hashable, Codable, @unchecked Sendable {
  // Sendable: the value is changed only while one box alone refers to it, so only by whoever may change that box.

  /// Holds the value at an address of its own.
  private final class Storage: ManagedBuffer<Void, Value> {
    static func holding(_ value: Value) -> Storage {
      let storage = unsafeDowncast(create(minimumCapacity: 1) { _ in }, to: Storage.self)
      storage.address.initialize(to: value)
      return storage
    }

    var address: UnsafeMutablePointer<Value> { withUnsafeMutablePointerToElements { $0 } }

    deinit { address.deinitialize(count: 1) }
  }

  private var storage: Storage

  public init(wrappedValue: Value) { storage = .holding(wrappedValue) }

  /// Read and changed where it is: a coroutine (`_read`) would copy it to hand it out, and what is not inlined would look
  /// up how, for any type of value.
  public var wrappedValue: Value {
    @inline(__always) unsafeAddress { UnsafePointer(storage.address) }
    @inline(__always) unsafeMutableAddress {
      if !isKnownUniquelyReferenced(&storage) { storage = .holding(storage.address.pointee) }
      return storage.address
    }
  }

  /// Where the value is as long as the box is there, for a property that is read where it is, too.
  var address: UnsafePointer<Value> { UnsafePointer(storage.address) }

  /// The box itself, to hand the value on without opening it.
  public var projectedValue: Boxed {
    get { self }
    set { self = newValue }
  }

  /// Which box this is: two with the same identity hold the same value.
  public var identity: ObjectIdentifier { ObjectIdentifier(storage) }

  public static func == (a: Boxed, b: Boxed) -> Bool { a.storage === b.storage || a.wrappedValue == b.wrappedValue }

  public func hash(into hasher: inout Hasher) { wrappedValue.hash(into: &hasher) }

  public init(from decoder: any Decoder) throws { storage = .holding(try Value(from: decoder)) }

  public func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}
