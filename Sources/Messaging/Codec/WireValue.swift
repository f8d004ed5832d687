import CMessages
import Serving

/// A value with a message of its own in Schemas/messages.proto.
///
/// To add a field: add it to the schema, make the C code again, and write it here in both directions; the round trip
/// over random messages fails until both are there.
protocol WireValue {
  /// The struct protoc-c makes of the message.
  associatedtype C
  /// protoc-c's `…__init`.
  static func initialize(_ c: UnsafeMutablePointer<C>)
  /// Fills an initialized struct. What it points to is in the arena.
  func write(to c: UnsafeMutablePointer<C>, _ arena: Arena) throws(CodecError)
  /// Copies out of the struct and checks every field.
  init(reading c: UnsafePointer<C>) throws(CodecError)
}

/// An enum of the schema, whose 0 means that nothing was said.
protocol WireChoice: Sendable {
  static var choices: [Self] { get }
  var wireNumber: UInt32 { get }
}

extension Arena {
  func array<Element>(of type: Element.Type, _ count: Int) throws(CodecError) -> UnsafeMutablePointer<Element> {
    guard let memory = allocate(count * MemoryLayout<Element>.stride) else { throw .tooLarge }
    return memory.bindMemory(to: Element.self, capacity: count)
  }

  /// The struct of a value; nil for none.
  func message<Value: WireValue>(_ value: Value?) throws(CodecError) -> UnsafeMutablePointer<Value.C>? {
    guard let value else { return nil }
    let c = try array(of: Value.C.self, 1)
    Value.initialize(c)
    try value.write(to: c, self)
    return c
  }

  func messages<Value: WireValue>(
    _ values: [Value]
  ) throws(CodecError) -> UnsafeMutablePointer<UnsafeMutablePointer<Value.C>?>? {
    guard !values.isEmpty else { return nil }
    let pointers = try array(of: UnsafeMutablePointer<Value.C>?.self, values.count)
    let structs = try array(of: Value.C.self, values.count)
    for (index, value) in values.enumerated() {
      Value.initialize(structs + index)
      try value.write(to: structs + index, self)
      (pointers + index).initialize(to: structs + index)
    }
    return pointers
  }
}

extension Arena {
  func empty() throws(CodecError) -> UnsafeMutablePointer<Apus__Empty> {
    let c = try array(of: Apus__Empty.self, 1)
    apus__empty__init(c)
    return c
  }
}

/// Reads parts of the C structs with the checks of Schemas/messages.proto.
enum Wire {
  static func message<Value: WireValue>(
    _ c: UnsafeMutablePointer<Value.C>?, _ field: StaticString
  ) throws(CodecError) -> Value {
    guard let c else { throw .invalid(field: "\(field)", problem: "is missing") }
    return try Value(reading: c)
  }

  static func optional<Value: WireValue>(_ c: UnsafeMutablePointer<Value.C>?) throws(CodecError) -> Value? {
    guard let c else { return nil }
    return try Value(reading: c)
  }

  static func messages<Value: WireValue>(
    _ pointers: UnsafeMutablePointer<UnsafeMutablePointer<Value.C>?>?, _ count: Int, _ field: StaticString
  ) throws(CodecError) -> [Value] {
    guard count > 0, let pointers else { return [] }
    var values: [Value] = []
    values.reserveCapacity(count)
    for index in 0..<count { values.append(try message(pointers[index], field)) }
    return values
  }

  static func choice<Choice: WireChoice>(_ number: UInt32, _ field: StaticString) throws(CodecError) -> Choice {
    for choice in Choice.choices where choice.wireNumber == number { return choice }
    throw .invalid(field: "\(field)", problem: "has the unknown value \(number)")
  }

  /// A choice that may be absent, or newer than this reader: nil then.
  static func knownChoice<Choice: WireChoice>(_ number: UInt32) -> Choice? {
    Choice.choices.first { $0.wireNumber == number }
  }
}
