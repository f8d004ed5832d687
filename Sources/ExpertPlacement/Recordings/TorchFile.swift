/// A file of torch.save (PyTorch 1.6 and later): an archive with one pickle and the tensors' bytes. Only what data needs is
/// understood, and nothing is ever run: containers, numbers, words and tensors.
///
/// Source: torch/serialization.py, and the opcodes in Python's pickletools.py.
struct TorchFile {
  let root: RecordingTree

  /// Nil for anything that is not such a file.
  init?(_ bytes: [UInt8]) {
    guard let archive = StoredArchive(bytes),
      let pickle = archive.entries.first(where: { $0.key.hasSuffix("data.pkl") })
    else { return nil }
    let prefix = String(pickle.key.dropLast("data.pkl".count))
    var reader = PickleReader(bytes: Array(bytes[pickle.value])) { key, type in
      archive.entries[prefix + "data/" + key].flatMap { StorageType(rawValue: type)?.values(bytes[$0]) }
    }
    guard let value = reader.read(), let tree = value.tree else { return nil }
    root = tree
  }
}

/// Little-endian numbers, as PyTorch's classes of storage name them.
private enum StorageType: String {
  case byte = "ByteStorage"
  case char = "CharStorage"
  case short = "ShortStorage"
  case int = "IntStorage"
  case long = "LongStorage"
  case float = "FloatStorage"
  case double = "DoubleStorage"

  func values(_ bytes: ArraySlice<UInt8>) -> [Double] {
    switch self {
    case .byte: bytes.map { Double($0) }
    case .char: bytes.map { Double(Int8(bitPattern: $0)) }
    case .short: Self.words(bytes, UInt16.self).map { Double(Int16(bitPattern: $0)) }
    case .int: Self.words(bytes, UInt32.self).map { Double(Int32(bitPattern: $0)) }
    case .long: Self.words(bytes, UInt64.self).map { Double(Int64(bitPattern: $0)) }
    case .float: Self.words(bytes, UInt32.self).map { Double(Float(bitPattern: $0)) }
    case .double: Self.words(bytes, UInt64.self).map { Double(bitPattern: $0) }
    }
  }

  private static func words<Word: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>, _ type: Word.Type) -> [Word] {
    let size = Word.bitWidth / 8
    return (0..<bytes.count / size).map { word in
      (0..<size).reduce(0) { $0 | Word(bytes[bytes.startIndex + word * size + $1]) << Word(8 * $1) }
    }
  }
}

/// The entries of a zip archive that are not compressed, as torch.save writes all of its.
private struct StoredArchive {
  private(set) var entries: [String: Range<Int>] = [:]

  init?(_ bytes: [UInt8]) {
    func number(_ place: Int, _ size: Int) -> Int? {
      guard place >= 0, place <= bytes.count - size else { return nil }
      let value = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
      return Int(exactly: value)
    }
    // The end of the central directory: a record of 22 bytes and a comment of at most 65,535.
    guard
      let end = (0...65_535).lazy.map({ bytes.count - 22 - $0 }).prefix(while: { $0 >= 0 }).first(where: {
        number($0, 4) == 0x0605_4B50
      }), var count = number(end + 10, 2), var place = number(end + 16, 4)
    else { return nil }
    // Large archives, and PyTorch's always, have the true numbers in the zip64 record.
    if number(end - 20, 4) == 0x0706_4B50, let large = number(end - 12, 8), number(large, 4) == 0x0606_4B50,
      let trueCount = number(large + 32, 8), let truePlace = number(large + 48, 8)
    {
      (count, place) = (trueCount, truePlace)
    }
    for _ in 0..<min(count, 65_536) {
      guard number(place, 4) == 0x0201_4B50, number(place + 10, 2) == 0, var size = number(place + 24, 4),
        let nameSize = number(place + 28, 2), let extraSize = number(place + 30, 2),
        let commentSize = number(place + 32, 2), var start = number(place + 42, 4),
        place + 46 + nameSize <= bytes.count
      else { return nil }
      if size == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
        // Extra field 1: size, compressed size, start, each only where the short one is all ones.
        var field = place + 46 + nameSize + 4
        if size == 0xFFFF_FFFF {
          guard let large = number(field, 8) else { return nil }
          size = large
          field += 16
        }
        if start == 0xFFFF_FFFF {
          guard let large = number(field, 8) else { return nil }
          start = large
        }
      }
      guard start < bytes.count, let ownName = number(start + 26, 2), let ownExtra = number(start + 28, 2) else {
        return nil
      }
      let first = start + 30 + ownName + ownExtra
      guard first <= bytes.count, size <= bytes.count - first else { return nil }
      let name = String(decoding: bytes[place + 46..<place + 46 + nameSize], as: UTF8.self)
      entries[name] = first..<first + size
      place += 46 + nameSize + extraSize + commentSize
    }
  }
}
