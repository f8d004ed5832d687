/// The value of a knob.
public enum KnobValue: Hashable, Codable, Sendable, CustomStringConvertible {
  case bool(Bool)
  case int(Int)
  case double(Double)
  case text(String)

  public var description: String {
    switch self {
    case .bool(let value): value ? "on" : "off"
    case .int(let value): String(value)
    case .double(let value): String(value)
    case .text(let value): value
    }
  }

  public var intValue: Int? { if case .int(let value) = self { value } else { nil } }
  /// Of a whole number or a fraction.
  public var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    case .bool, .text: nil
    }
  }
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var textValue: String? { if case .text(let value) = self { value } else { nil } }

  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let int = try? value.decode(Int.self) {
      self = .int(int)
    } else if let double = try? value.decode(Double.self) {
      self = .double(double)
    } else {
      self = .text(try value.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .bool(let bool): try value.encode(bool)
    case .int(let int): try value.encode(int)
    case .double(let double): try value.encode(double)
    case .text(let text): try value.encode(text)
    }
  }
}
