import CMessages
import Glibc
import Serving

/// Numbers, texts and values that may be absent, with the ranges Schemas/messages.proto gives them.
///
/// The same check runs in both directions, so what one end can send the other can read. The bounds let a reader add
/// counts and turn numbers into integers and durations without overflow.
extension Wire {
  static let countRange: ClosedRange<Int64> = 0...(1 << 53)
  static let numberLimit = 1e18

  static func count(_ value: Int64, _ field: StaticString) throws(CodecError) -> Int {
    guard countRange.contains(value) else {
      throw .invalid(field: "\(field)", problem: "is \(value), not in 0 ... 2^53")
    }
    return Int(value)
  }

  static func number(_ value: Double, _ field: StaticString) throws(CodecError) -> Double {
    // Also false for what is not a number.
    guard value.magnitude <= numberLimit else {
      throw .invalid(field: "\(field)", problem: "is \(value), which is not finite or above 10^18")
    }
    return value
  }

  static func share(_ value: Double, _ field: StaticString) throws(CodecError) -> Double {
    guard value >= 0, value <= 1 else { throw .invalid(field: "\(field)", problem: "is \(value), not in 0 ... 1") }
    return value
  }

  static func numbers(
    _ values: UnsafeMutablePointer<Double>?, _ count: Int, _ field: StaticString
  ) throws(CodecError) -> [Double] {
    let list = Array(UnsafeBufferPointer(start: values, count: count))
    for value in list { _ = try number(value, field) }
    return list
  }

  static func counts(
    _ values: UnsafeMutablePointer<Int64>?, _ size: Int, _ field: StaticString
  ) throws(CodecError) -> [Int] {
    var list: [Int] = []
    list.reserveCapacity(size)
    for value in UnsafeBufferPointer(start: values, count: size) { list.append(try count(value, field)) }
    return list
  }

  static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    Array(UnsafeBufferPointer(start: data.data, count: data.len))
  }

  static func text(_ data: ProtobufCBinaryData, _ field: StaticString) throws(CodecError) -> String {
    let bytes = UnsafeBufferPointer(start: data.data, count: data.len)
    do {
      return String(copying: try UTF8Span(validating: bytes.span))
    } catch {
      throw .invalid(field: "\(field)", problem: "is not UTF-8")
    }
  }

  static func id<ID: Identifier>(_ data: ProtobufCBinaryData, _ field: StaticString) throws(CodecError) -> ID {
    ID(rawValue: try text(data, field))
  }

  /// Of a field where an empty text stands for none.
  static func idOrNone<ID: Identifier>(_ data: ProtobufCBinaryData, _ field: StaticString) throws(CodecError) -> ID? {
    data.len == 0 ? nil : try id(data, field)
  }

  static func texts(
    _ list: UnsafeMutablePointer<ProtobufCBinaryData>?, _ count: Int, _ field: StaticString
  ) throws(CodecError) -> [String] {
    guard count > 0, let list else { return [] }
    var texts: [String] = []
    texts.reserveCapacity(count)
    for index in 0..<count { texts.append(try text(list[index], field)) }
    return texts
  }

  static func ids<ID: Identifier>(
    _ list: UnsafeMutablePointer<ProtobufCBinaryData>?, _ count: Int, _ field: StaticString
  ) throws(CodecError) -> [ID] {
    guard count > 0, let list else { return [] }
    var ids: [ID] = []
    ids.reserveCapacity(count)
    for index in 0..<count { ids.append(try id(list[index], field)) }
    return ids
  }

  static func count(_ c: UnsafeMutablePointer<Apus__Integer>?, _ field: StaticString) throws(CodecError) -> Int? {
    guard let c else { return nil }
    return try count(c.pointee.value, field)
  }

  /// A whole number that may be negative, as far from zero as a count may be.
  static func signed(_ c: UnsafeMutablePointer<Apus__Integer>?, _ field: StaticString) throws(CodecError) -> Int? {
    guard let c else { return nil }
    guard c.pointee.value.magnitude <= countRange.upperBound.magnitude else {
      throw .invalid(field: "\(field)", problem: "is \(c.pointee.value), further from 0 than 2^53")
    }
    return Int(c.pointee.value)
  }

  static func number(_ c: UnsafeMutablePointer<Apus__Real>?, _ field: StaticString) throws(CodecError) -> Double? {
    guard let c else { return nil }
    return try number(c.pointee.value, field)
  }

  static func text(_ c: UnsafeMutablePointer<Apus__Text>?, _ field: StaticString) throws(CodecError) -> String? {
    guard let c else { return nil }
    return try text(c.pointee.value, field)
  }

  static func id<ID: Identifier>(
    _ c: UnsafeMutablePointer<Apus__Text>?, _ field: StaticString
  ) throws(CodecError) -> ID? {
    guard let c else { return nil }
    return try id(c.pointee.value, field)
  }

  static func range(_ least: Int64, _ most: Int64, _ field: StaticString) throws(CodecError) -> ClosedRange<Int> {
    let (least, most) = (try count(least, field), try count(most, field))
    guard least <= most else {
      throw .invalid(field: "\(field)", problem: "ends at \(most), before its start \(least)")
    }
    return least...most
  }

  static func interval(
    _ c: UnsafeMutablePointer<Apus__Interval>?, _ field: StaticString
  ) throws(CodecError) -> ClosedRange<Double>? {
    guard let c else { return nil }
    let (lower, upper) = (try number(c.pointee.lower, field), try number(c.pointee.upper, field))
    guard lower <= upper else {
      throw .invalid(field: "\(field)", problem: "ends at \(upper), before its start \(lower)")
    }
    return lower...upper
  }

  static func counts(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<Apus__NamedCount>?>?, _ size: Int, _ field: StaticString
  ) throws(CodecError) -> [String: Int] {
    guard size > 0, let list else { return [:] }
    var counts: [String: Int] = [:]
    for index in 0..<size {
      guard let entry = list[index] else { continue }
      let name = try text(entry.pointee.name, field)
      guard counts.updateValue(try count(entry.pointee.count, field), forKey: name) == nil else {
        throw .invalid(field: "\(field)", problem: "names \(name) twice")
      }
    }
    return counts
  }
}

extension Arena {
  func count(_ value: Int, _ field: StaticString) throws(CodecError) -> Int64 {
    _ = try Wire.count(Int64(value), field)
    return Int64(value)
  }

  func bytes(_ bytes: [UInt8]) throws(CodecError) -> ProtobufCBinaryData {
    guard !bytes.isEmpty else { return ProtobufCBinaryData() }
    let copy = try array(of: UInt8.self, bytes.count)
    bytes.withUnsafeBufferPointer { copy.update(from: $0.baseAddress!, count: bytes.count) }
    return ProtobufCBinaryData(len: bytes.count, data: copy)
  }

  func text(_ text: String) throws(CodecError) -> ProtobufCBinaryData {
    let count = text.utf8.count
    guard count > 0 else { return ProtobufCBinaryData() }
    let copy = try array(of: UInt8.self, count)
    _ = UnsafeMutableBufferPointer(start: copy, count: count).update(fromContentsOf: text.utf8)
    return ProtobufCBinaryData(len: count, data: copy)
  }

  func text(_ id: some Identifier) throws(CodecError) -> ProtobufCBinaryData { try text(id.rawValue) }

  func texts(_ texts: [String]) throws(CodecError) -> UnsafeMutablePointer<ProtobufCBinaryData>? {
    guard !texts.isEmpty else { return nil }
    let list = try array(of: ProtobufCBinaryData.self, texts.count)
    for (index, text) in texts.enumerated() { (list + index).initialize(to: try self.text(text)) }
    return list
  }

  func texts<ID: Identifier>(_ ids: [ID]) throws(CodecError) -> UnsafeMutablePointer<ProtobufCBinaryData>? {
    guard !ids.isEmpty else { return nil }
    let list = try array(of: ProtobufCBinaryData.self, ids.count)
    for (index, id) in ids.enumerated() { (list + index).initialize(to: try self.text(id.rawValue)) }
    return list
  }

  func numbers(_ values: [Double], _ field: StaticString) throws(CodecError) -> UnsafeMutablePointer<Double>? {
    for value in values { _ = try Wire.number(value, field) }
    return try copy(values)
  }

  func counts(_ values: [Int], _ field: StaticString) throws(CodecError) -> UnsafeMutablePointer<Int64>? {
    for value in values { _ = try Wire.count(Int64(value), field) }
    return try copy(values.map { Int64($0) })
  }

  func copy<Number: BitwiseCopyable>(_ values: [Number]) throws(CodecError) -> UnsafeMutablePointer<Number>? {
    guard !values.isEmpty else { return nil }
    let list = try array(of: Number.self, values.count)
    values.withUnsafeBufferPointer { list.update(from: $0.baseAddress!, count: values.count) }
    return list
  }

  func count(_ value: Int?, _ field: StaticString) throws(CodecError) -> UnsafeMutablePointer<Apus__Integer>? {
    guard let value else { return nil }
    let c = try array(of: Apus__Integer.self, 1)
    apus__integer__init(c)
    c.pointee.value = try count(value, field)
    return c
  }

  func signed(_ value: Int?, _ field: StaticString) throws(CodecError) -> UnsafeMutablePointer<Apus__Integer>? {
    guard let value else { return nil }
    let c = try array(of: Apus__Integer.self, 1)
    apus__integer__init(c)
    c.pointee.value = Int64(value)
    _ = try Wire.signed(c, field)
    return c
  }

  func number(_ value: Double?, _ field: StaticString) throws(CodecError) -> UnsafeMutablePointer<Apus__Real>? {
    guard let value else { return nil }
    let c = try array(of: Apus__Real.self, 1)
    apus__real__init(c)
    c.pointee.value = try Wire.number(value, field)
    return c
  }

  func optionalText(_ value: String?) throws(CodecError) -> UnsafeMutablePointer<Apus__Text>? {
    guard let value else { return nil }
    let c = try array(of: Apus__Text.self, 1)
    apus__text__init(c)
    c.pointee.value = try text(value)
    return c
  }

  func interval(
    _ value: ClosedRange<Double>?, _ field: StaticString
  ) throws(CodecError) -> UnsafeMutablePointer<Apus__Interval>? {
    guard let value else { return nil }
    let c = try array(of: Apus__Interval.self, 1)
    apus__interval__init(c)
    c.pointee.lower = try Wire.number(value.lowerBound, field)
    c.pointee.upper = try Wire.number(value.upperBound, field)
    return c
  }

  func counts(
    _ counts: [String: Int], _ field: StaticString
  ) throws(CodecError) -> UnsafeMutablePointer<UnsafeMutablePointer<Apus__NamedCount>?>? {
    guard !counts.isEmpty else { return nil }
    let pointers = try array(of: UnsafeMutablePointer<Apus__NamedCount>?.self, counts.count)
    for (index, entry) in counts.enumerated() {
      let c = try array(of: Apus__NamedCount.self, 1)
      apus__named_count__init(c)
      c.pointee.name = try text(entry.key)
      c.pointee.count = try count(entry.value, field)
      (pointers + index).initialize(to: c)
    }
    return pointers
  }
}
