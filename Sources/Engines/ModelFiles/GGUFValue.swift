/// A metadata value of a GGUF file. Long arrays are counted and hashed while they are read, not kept.
enum GGUFValue: Equatable, Sendable {
  case unsigned(UInt64)
  case signed(Int64)
  case float(Double)
  case bool(Bool)
  case text(String)
  /// Whole numbers, kept up to `GGUFHeader.keptArrayCount`.
  case integers([Int64])
  /// An array that is not kept: how many elements, and the SHA-256 of their encoding where they are strings.
  case array(count: Int, stringDigest: String?)

  /// As a whole number that is not negative; an array of them (some models have one for each layer) gives its largest.
  var count: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .signed(let value): value >= 0 ? Int(exactly: value) : nil
    case .integers(let values): values.max().flatMap { $0 >= 0 ? Int($0) : nil }
    default: nil
    }
  }

  var text: String? { if case .text(let text) = self { text } else { nil } }
}
