/// Python's pickle, protocol 2, as far as it is data. Names of Python's functions are never looked up: the few that tensors
/// and ordered dictionaries are written with are known by their name.
struct PickleReader {
  enum Value {
    case tree(RecordingTree)
    case mark
    case name(String)
    case storage(key: String, type: String)
    case tuple([Value])
    case list([Value])
    case object([(String, Value)])

    /// Nil for what is no data.
    var tree: RecordingTree? {
      switch self {
      case .tree(let tree): return tree
      case .tuple(let values), .list(let values):
        let trees = values.compactMap(\.tree)
        return trees.count == values.count ? .list(trees) : nil
      case .object(let members):
        var object: [String: RecordingTree] = [:]
        for (key, value) in members { object[key] = value.tree ?? RecordingTree.none }
        return .object(object)
      case .mark, .name, .storage: return nil
      }
    }

    var int: Int? { if case .tree(let tree) = self { tree.int } else { nil } }
    var ints: [Int]? {
      guard case .tuple(let values) = self else { return nil }
      let ints = values.compactMap(\.int)
      return ints.count == values.count ? ints : nil
    }
  }

  /// Most elements of one tensor, and objects that are remembered.
  private static let limit = 1 << 26

  private let bytes: [UInt8]
  private let storage: (_ key: String, _ type: String) -> [Double]?
  private var place = 0
  private var stack: [Value] = []
  private var memo: [Int: Value] = [:]

  init(bytes: [UInt8], storage: @escaping (_ key: String, _ type: String) -> [Double]?) {
    self.bytes = bytes
    self.storage = storage
  }

  /// The one object of the pickle; nil for anything that is not understood.
  mutating func read() -> Value? {
    while place < bytes.count {
      let code = bytes[place]
      place += 1
      if code == UInt8(ascii: ".") { return stack.popLast() }
      guard step(Character(Unicode.Scalar(code))) != nil else { return nil }
    }
    return nil
  }

  // MARK: Opcodes

  /// Nil to give up.
  private mutating func step(_ code: Character) -> Void? {
    switch code {
    case "\u{80}": return skip(1)
    case "}": stack.append(.object([]))
    case "]": stack.append(.list([]))
    case ")": stack.append(.tuple([]))
    case "(": stack.append(.mark)
    case "N": stack.append(.tree(.none))
    case "\u{88}": stack.append(.tree(.number(1)))
    case "\u{89}": stack.append(.tree(.number(0)))
    case "K": return pushNumber(1) { Double($0) }
    case "M": return pushNumber(2) { Double($0) }
    case "J": return pushNumber(4) { Double(Int32(truncatingIfNeeded: $0)) }
    case "G":
      guard let bits = number(8) else { return nil }
      stack.append(.tree(.number(Double(bitPattern: bits.byteSwapped))))
    case "\u{8A}": return pushLong()
    case "X":
      guard let size = number(4), let word = word(Int(size)) else { return nil }
      stack.append(.tree(.text(word)))
    case "c":
      guard let module = line(), let name = line() else { return nil }
      stack.append(.name(module + "." + name))
    case "q": return remember(1)
    case "r": return remember(4)
    case "h": return recall(1)
    case "j": return recall(4)
    case "\u{85}": return pushTuple(1)
    case "\u{86}": return pushTuple(2)
    case "\u{87}": return pushTuple(3)
    case "t":
      guard let values = popToMark() else { return nil }
      stack.append(.tuple(values))
    case "a":
      guard let value = stack.popLast() else { return nil }
      return append([value])
    case "e":
      guard let values = popToMark() else { return nil }
      return append(values)
    case "s":
      guard let value = stack.popLast(), let key = stack.popLast() else { return nil }
      return set([key, value])
    case "u":
      guard let values = popToMark() else { return nil }
      return set(values)
    case "Q": return loadStorage()
    case "R": return call()
    case "b": return stack.popLast().map { _ in }  // state of an object that is data already
    default: return nil
    }
    return ()
  }

  private mutating func skip(_ count: Int) -> Void? {
    place += count
    return ()
  }

  private mutating func number(_ size: Int) -> UInt64? {
    guard place + size <= bytes.count else { return nil }
    defer { place += size }
    return (0..<size).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
  }

  private mutating func pushNumber(_ size: Int, _ value: (UInt64) -> Double) -> Void? {
    guard let number = number(size) else { return nil }
    stack.append(.tree(.number(value(number))))
    return ()
  }

  /// Two's complement of up to 8 bytes.
  private mutating func pushLong() -> Void? {
    guard let size = number(1).map({ Int($0) }), size <= 8, let bits = number(size) else { return nil }
    let shift = UInt64(64 - 8 * size)
    let value = size == 0 ? 0 : Int64(bitPattern: bits << shift) >> Int64(shift)
    stack.append(.tree(.number(Double(value))))
    return ()
  }

  private mutating func word(_ size: Int) -> String? {
    guard size <= bytes.count - place else { return nil }
    defer { place += size }
    return String(decoding: bytes[place..<place + size], as: UTF8.self)
  }

  private mutating func line() -> String? {
    guard let end = bytes[place...].firstIndex(of: 0x0A) else { return nil }
    defer { place = end + 1 }
    return String(decoding: bytes[place..<end], as: UTF8.self)
  }

  private mutating func remember(_ size: Int) -> Void? {
    guard let key = number(size), let value = stack.last, memo.count < Self.limit else { return nil }
    memo[Int(key)] = value
    return ()
  }

  private mutating func recall(_ size: Int) -> Void? {
    guard let key = number(size), let value = memo[Int(key)] else { return nil }
    stack.append(value)
    return ()
  }

  private mutating func pushTuple(_ count: Int) -> Void? {
    guard stack.count >= count else { return nil }
    let values = Array(stack.suffix(count))
    stack.removeLast(count)
    stack.append(.tuple(values))
    return ()
  }

  private mutating func popToMark() -> [Value]? {
    guard let mark = stack.lastIndex(where: { if case .mark = $0 { true } else { false } }) else { return nil }
    let values = Array(stack[(mark + 1)...])
    stack.removeSubrange(mark...)
    return values
  }

  private mutating func append(_ values: [Value]) -> Void? {
    guard case .list(let list)? = stack.popLast() else { return nil }
    stack.append(.list(list + values))
    return ()
  }

  private mutating func set(_ values: [Value]) -> Void? {
    guard case .object(var members)? = stack.popLast(), values.count.isMultiple(of: 2) else { return nil }
    for place in stride(from: 0, to: values.count, by: 2) {
      guard case .tree(.text(let key)) = values[place] else { return nil }
      members.append((key, values[place + 1]))
    }
    stack.append(.object(members))
    return ()
  }

  // MARK: Tensors

  /// `('storage', torch.IntStorage, key, device, count)`.
  private mutating func loadStorage() -> Void? {
    guard case .tuple(let parts)? = stack.popLast(), parts.count == 5, case .name(let type) = parts[1],
      case .tree(.text(let key)) = parts[2]
    else { return nil }
    stack.append(.storage(key: key, type: String(type.drop { $0 != "." }.dropFirst())))
    return ()
  }

  private mutating func call() -> Void? {
    guard case .tuple(let arguments)? = stack.popLast(), case .name(let function)? = stack.popLast() else { return nil }
    switch function {
    case "collections.OrderedDict": stack.append(.object([]))
    case "torch._utils._rebuild_tensor_v2":
      guard arguments.count >= 4, case .storage(let key, let type) = arguments[0], let offset = arguments[1].int,
        let shape = arguments[2].ints, let strides = arguments[3].ints, let values = storage(key, type),
        let tensor = Self.tensor(values, offset, shape, strides)
      else { return nil }
      stack.append(.tree(tensor))
    default: return nil
    }
    return ()
  }

  private static func tensor(_ values: [Double], _ offset: Int, _ shape: [Int], _ strides: [Int]) -> RecordingTree? {
    guard shape.count == strides.count, shape.count <= 8, offset >= 0, strides.allSatisfy({ (0...limit).contains($0) }),
      shape.allSatisfy({ (0...limit).contains($0) })
    else { return nil }
    var count = 1
    for size in shape {
      count *= size
      guard count <= limit else { return nil }
    }
    var ordered: [Double] = []
    ordered.reserveCapacity(count)
    for element in 0..<count {
      var (rest, place) = (element, offset)
      for axis in shape.indices.reversed() {
        place += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      guard values.indices.contains(place) else { return nil }
      ordered.append(values[place])
    }
    return .tensor(shape: shape, values: ordered)
  }
}
