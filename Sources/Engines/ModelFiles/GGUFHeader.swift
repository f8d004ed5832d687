import Serving

/// What a GGUF file says of itself before its weights: metadata and the table of tensors.
///
/// Written for files nobody vouches for: each count, length, dimension and offset is compared with what can be true
/// before anything is allocated or added. Format: ggml/docs/gguf.md, versions 2 and 3, little-endian.
struct GGUFHeader: Sendable {
  struct Tensor: Equatable, Sendable {
    var name: String
    /// Elements along each axis, the fastest first.
    var shape: [Int]
    var type: GGUFTensorType
    var elementCount: Int
    var byteCount: Int
    /// Where its bytes begin in the file.
    var fileOffset = 0
  }

  /// Numbers of an array kept; longer arrays are counted only.
  static let keptArrayCount = 4096
  private static let metadataLimit = 1 << 16
  private static let tensorLimit = 1 << 18
  private static let arrayLimit = 1 << 24
  private static let nameLimit = (1 << 16) - 1
  private static let stringLimit = 16 << 20
  private static let alignmentLimit = 1 << 16

  let metadata: [String: GGUFValue]
  let tensors: [Tensor]

  init(readingFrom path: String) throws(ApusError) { try self.init(reading: try RandomAccessFile(path)) }

  /// - Throws: `badInput` for bytes that are no usable GGUF file.
  init(reading source: any ByteSource) throws(ApusError) {
    var cursor = GGUFCursor(source)
    let (tensorCount, valueCount) = try Self.readCounts(&cursor)
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<valueCount {
      let key = try Self.readName(&cursor, "a metadata key")
      let type = try cursor.integer(UInt32.self)
      let value = try Self.readValue(&cursor, type, key)
      guard metadata.updateValue(value, forKey: key) == nil else { throw cursor.refusal("it has the key \(key) twice") }
    }
    self.metadata = metadata
    tensors = try Self.readTensors(&cursor, tensorCount, metadata)
  }

  private static func readCounts(_ cursor: inout GGUFCursor) throws(ApusError) -> (tensors: Int, values: Int) {
    guard cursor.remaining >= 24 else { throw cursor.refusal("it has only \(cursor.fileSize) bytes") }
    guard Array(try cursor.take(4)) == Array("GGUF".utf8) else { throw cursor.refusal("it does not begin with GGUF") }
    let version = try cursor.integer(UInt32.self)
    guard version == 2 || version == 3 else {
      let isBigEndian = version.byteSwapped == 3
      throw cursor.refusal(isBigEndian ? "it is big-endian" : "it has version \(version); 2 and 3 are read")
    }
    let tensors = try cursor.integer(UInt64.self)
    let values = try cursor.integer(UInt64.self)
    // The smallest tensor entry takes 32 bytes (empty name, one dimension), the smallest metadata entry 13.
    guard tensors <= UInt64(tensorLimit), tensors <= UInt64(cursor.remaining / 32) else {
      throw cursor.refusal("it claims \(tensors) tensors")
    }
    guard values <= UInt64(metadataLimit), values <= UInt64(cursor.remaining / 13) else {
      throw cursor.refusal("it claims \(values) metadata values")
    }
    return (Int(tensors), Int(values))
  }

  private static func readName(_ cursor: inout GGUFCursor, _ what: String) throws(ApusError) -> String {
    let bytes = try cursor.string(limit: nameLimit, what)
    guard !bytes.isEmpty, let name = String(validating: bytes, as: UTF8.self) else {
      throw cursor.refusal("\(what) is empty or not UTF-8")
    }
    return name
  }

  private static func readValue(
    _ cursor: inout GGUFCursor, _ type: UInt32, _ key: String
  ) throws(ApusError) -> GGUFValue {
    switch type {
    case 0: return .unsigned(UInt64(try cursor.integer(UInt8.self)))
    case 1: return .signed(Int64(try cursor.integer(Int8.self)))
    case 2: return .unsigned(UInt64(try cursor.integer(UInt16.self)))
    case 3: return .signed(Int64(try cursor.integer(Int16.self)))
    case 4: return .unsigned(UInt64(try cursor.integer(UInt32.self)))
    case 5: return .signed(Int64(try cursor.integer(Int32.self)))
    case 6: return .float(Double(Float(bitPattern: try cursor.integer(UInt32.self))))
    case 7: return .bool(try cursor.integer(UInt8.self) != 0)
    case 8: return .text(String(decoding: try cursor.string(limit: stringLimit, key), as: UTF8.self))
    case 9: return try readArray(&cursor, key)
    case 10: return .unsigned(try cursor.integer(UInt64.self))
    case 11: return .signed(try cursor.integer(Int64.self))
    case 12: return .float(Double(bitPattern: try cursor.integer(UInt64.self)))
    default: throw cursor.refusal("the value of \(key) has the unknown type \(type)")
    }
  }

  private static func readArray(_ cursor: inout GGUFCursor, _ key: String) throws(ApusError) -> GGUFValue {
    let type = try cursor.integer(UInt32.self)
    let claimed = try cursor.integer(UInt64.self)
    let elementSizes: [UInt32: Int] = [
      0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 8: 8, 10: 8, 11: 8, 12: 8,
    ]
    // Arrays of arrays are allowed by the format, made by nobody, and a way to nest without end.
    guard let size = elementSizes[type] else { throw cursor.refusal("\(key) is an array of the type \(type)") }
    guard claimed <= UInt64(arrayLimit), Int(claimed) <= cursor.remaining / size else {
      throw cursor.refusal("\(key) claims \(claimed) elements")
    }
    let count = Int(claimed)
    let isInteger = type != 6 && type != 7 && type != 8 && type != 12
    if type == 8 {
      var hash = SHA256()
      for _ in 0..<count {
        let text = try cursor.string(limit: stringLimit, "an element of \(key)")
        hash.update(withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text)
      }
      return .array(count: count, stringDigest: hash.hexDigest())
    } else if isInteger && count <= keptArrayCount {
      var values: [Int64] = []
      for _ in 0..<count {
        switch try readValue(&cursor, type, key) {
        case .unsigned(let value): values.append(Int64(clamping: value))
        case .signed(let value): values.append(value)
        default: preconditionFailure("an integer type gives an integer")
        }
      }
      return .integers(values)
    }
    try cursor.skip(count * size)
    return .array(count: count, stringDigest: nil)
  }

  private static func readTensors(
    _ cursor: inout GGUFCursor, _ count: Int, _ metadata: [String: GGUFValue]
  ) throws(ApusError) -> [Tensor] {
    let alignment = metadata["general.alignment"].map { $0.count ?? 0 } ?? 32
    guard alignment > 0, alignment <= alignmentLimit, alignment & (alignment - 1) == 0 else {
      throw cursor.refusal("its alignment is not a power of two up to \(alignmentLimit)")
    }
    var tensors: [Tensor] = []
    var offsets: [UInt64] = []
    var names: Set<String> = []
    for _ in 0..<count {
      let (tensor, offset) = try readTensor(&cursor)
      guard names.insert(tensor.name).inserted else { throw cursor.refusal("it has the tensor \(tensor.name) twice") }
      tensors.append(tensor)
      offsets.append(offset)
    }
    let dataStart = (cursor.offset + alignment - 1) / alignment * alignment
    let dataSize = max(0, cursor.fileSize - dataStart)
    var total = 0
    for (index, offset) in offsets.enumerated() {
      let tensor = tensors[index]
      guard offset % UInt64(alignment) == 0 else { throw cursor.refusal("\(tensor.name) is not aligned") }
      guard offset <= UInt64(dataSize), tensor.byteCount <= dataSize - Int(offset) else {
        throw cursor.refusal(
          "\(tensor.name) lies at \(offset) with \(tensor.byteCount) bytes, but there are \(dataSize) bytes of weights")
      }
      guard tensor.byteCount <= dataSize - total else { throw cursor.refusal("its tensors overlap") }
      total += tensor.byteCount
      tensors[index].fileOffset = dataStart + Int(offset)
    }
    return tensors
  }

  private static func readTensor(_ cursor: inout GGUFCursor) throws(ApusError) -> (Tensor, offset: UInt64) {
    let name = try readName(&cursor, "a tensor's name")
    let axes = try cursor.integer(UInt32.self)
    guard (1...4).contains(axes) else { throw cursor.refusal("\(name) has \(axes) dimensions; 1 to 4 are possible") }
    var shape: [Int] = []
    var elements = 1
    for _ in 0..<axes {
      guard let length = Int(exactly: try cursor.integer(UInt64.self)), length > 0 else {
        throw cursor.refusal("\(name) has an impossible dimension")
      }
      let (product, overflows) = elements.multipliedReportingOverflow(by: length)
      guard !overflows else { throw cursor.refusal("\(name) has more elements than can be counted") }
      elements = product
      shape.append(length)
    }
    let typeNumber = try cursor.integer(UInt32.self)
    guard let type = GGUFTensorType.numbered(typeNumber) else {
      throw cursor.refusal("\(name) has the unknown type \(typeNumber)")
    }
    guard shape[0] % type.blockSize == 0 else {
      throw cursor.refusal("\(name) has rows of \(shape[0]) elements, which \(type.name) cannot divide into blocks")
    }
    let (bytes, overflows) = (elements / type.blockSize).multipliedReportingOverflow(by: type.blockBytes)
    guard !overflows else { throw cursor.refusal("\(name) has more bytes than can be counted") }
    let tensor = Tensor(name: name, shape: shape, type: type, elementCount: elements, byteCount: bytes)
    return (tensor, try cursor.integer(UInt64.self))
  }
}
