import Serving

/// What a safetensors file says before its weights: the table of tensors.
///
/// The format: a 64-bit little-endian length, a JSON object of that length (`name: {dtype, shape, data_offsets}` and
/// `__metadata__`), then the weights without gaps. Everything is compared with what can be true before it is used: as
/// the format's own library does, a file whose tensors overlap, leave holes, have another size than their shape says, or
/// do not end where the file ends is refused. Memory is bounded by `headerLimit` and, for the table, by 1 KiB for each
/// tensor and the names' bytes.
/// Source: huggingface/safetensors, README.md (Format) and src/tensor.rs (`Metadata::validate`).
struct SafetensorsHeader: Sendable {
  struct Tensor: Equatable, Sendable {
    var name: String
    /// Elements along each axis, the slowest first; empty for a single number.
    var shape: [Int]
    var type: SafetensorsType
    var elementCount: Int
    var byteCount: Int
  }

  /// As the format's own library.
  static let headerLimit = 100_000_000
  static let tensorLimit = 1 << 18
  static let axisLimit = 16
  static let nameLimit = (1 << 16) - 1

  /// Sorted by their place in the file.
  let tensors: [Tensor]

  /// - Throws: `badInput` for bytes that are no usable safetensors file.
  init(reading source: any ByteSource) throws(ApusError) {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "\(source.path) is not a usable safetensors file: \(reason)",
        advice: "Fetch the model again, and compare its checksums.")
    }
    guard source.size >= 10 else { throw refuse("it has only \(source.size) bytes") }
    let length = try source.read(at: 0, count: 8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(Self.headerLimit), Int(length) <= source.size - 8 else {
      throw refuse("its header claims \(length) bytes; the file has \(source.size), and \(Self.headerLimit) are read")
    }
    let text = try source.read(at: 8, count: Int(length))
    guard text.first == UInt8(ascii: "{") else { throw refuse("its header does not begin with {") }

    var entries: [(tensor: Tensor, begin: Int)] = []
    var names: Set<String> = []
    var scanner = JSONScanner(text, path: source.path)
    try scanner.object { name, scanner throws(ApusError) in
      guard names.insert(name).inserted else { throw refuse("it has the tensor \(name) twice") }
      if name == "__metadata__" { return try scanner.skip() }
      guard !name.isEmpty, name.utf8.count <= Self.nameLimit else {
        throw refuse("a tensor's name is empty or too long")
      }
      guard entries.count < Self.tensorLimit else { throw refuse("it has more than \(Self.tensorLimit) tensors") }
      entries.append(try SafetensorsEntry(name, &scanner).checked(refuse))
    }
    try scanner.end()

    let dataSize = source.size - 8 - Int(length)
    entries.sort { ($0.begin, $0.tensor.byteCount) < ($1.begin, $1.tensor.byteCount) }
    var end = 0
    for (tensor, begin) in entries {
      guard begin == end else {
        throw refuse(
          "\(tensor.name) begins at \(begin) of the weights, where \(begin < end ? "another still lies" : "a hole ends")"
        )
      }
      guard tensor.byteCount <= dataSize - begin else {
        throw refuse("\(tensor.name) ends behind the file's \(dataSize) bytes of weights")
      }
      end = begin + tensor.byteCount
    }
    guard end == dataSize else { throw refuse("\(dataSize - end) bytes behind the last tensor belong to none") }
    tensors = entries.map(\.tensor)
  }
}

/// One entry of the table as it is written, before it is known to make sense.
private struct SafetensorsEntry {
  private let name: String
  private var typeName: String?
  private var shape: [Int?]?
  private var offsets: [Int?]?

  init(_ name: String, _ scanner: inout JSONScanner) throws(ApusError) {
    self.name = name
    var (typeName, shape, offsets): (String?, [Int?]?, [Int?]?) = (nil, nil, nil)
    try scanner.object { key, scanner throws(ApusError) in
      switch key {
      case "dtype": typeName = try scanner.string()
      case "shape": shape = try Self.integers(&scanner, limit: SafetensorsHeader.axisLimit)
      case "data_offsets": offsets = try Self.integers(&scanner, limit: 2)
      default: try scanner.skip()
      }
    }
    (self.typeName, self.shape, self.offsets) = (typeName, shape, offsets)
  }

  private static func integers(_ scanner: inout JSONScanner, limit: Int) throws(ApusError) -> [Int?] {
    var numbers: [Int?] = []
    try scanner.array { scanner throws(ApusError) in
      guard numbers.count < limit else { throw scanner.refusal("a list has more than \(limit) numbers") }
      numbers.append(try scanner.integer())
    }
    return numbers
  }

  func checked(
    _ refuse: (String) -> ApusError
  ) throws(ApusError) -> (tensor: SafetensorsHeader.Tensor, begin: Int) {
    guard let typeName, let type = SafetensorsType(rawValue: typeName) else {
      throw refuse("\(name) has the unknown type \(typeName ?? "none")")
    }
    guard let shape else { throw refuse("\(name) has no shape") }
    var elements = 1
    var lengths: [Int] = []
    for length in shape {
      guard let length, length >= 0 else { throw refuse("\(name) has an impossible dimension") }
      let (product, overflows) = elements.multipliedReportingOverflow(by: length)
      guard !overflows else { throw refuse("\(name) has more elements than can be counted") }
      elements = product
      lengths.append(length)
    }
    let (bits, overflows) = elements.multipliedReportingOverflow(by: type.bits)
    guard !overflows, bits % 8 == 0 else { throw refuse("\(name) has no whole number of bytes that can be counted") }
    guard let offsets, offsets.count == 2, let begin = offsets[0], let end = offsets[1], begin >= 0, end >= begin else {
      throw refuse("\(name) has no two data_offsets in order")
    }
    guard end - begin == bits / 8 else {
      throw refuse("\(name) has \(end - begin) bytes where \(lengths) of \(type.rawValue) take \(bits / 8)")
    }
    return (
      SafetensorsHeader.Tensor(name: name, shape: lengths, type: type, elementCount: elements, byteCount: bits / 8),
      begin
    )
  }
}
