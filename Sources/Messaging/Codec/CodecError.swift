public import Serving

/// Why bytes are not a message, or a message cannot become bytes.
public enum CodecError: Error, Hashable, Sendable, CustomStringConvertible {
  /// More than `MessageCodec.maximumBytes`, or a small message that unfolds into much more.
  case tooLarge
  /// Not this schema's encoding.
  case malformed
  /// A message of a kind this version does not know; with its field number in Envelope, 0 when there is none.
  case unknownKind(Int)
  /// A field with a value the schema forbids.
  case invalid(field: String, problem: String)

  public var description: String {
    switch self {
    case .tooLarge: "the message is larger than \(MessageCodec.maximumBytes >> 20) MiB"
    case .malformed: "the bytes are not a message of this protocol"
    case .unknownKind(let number): "the message is of an unknown kind (\(number))"
    case .invalid(let field, let problem): "\(field) \(problem)"
    }
  }

  /// What a peer is told.
  public var failure: ApusError {
    let advice =
      switch self {
      case .tooLarge: "send less in one message"
      case .malformed, .unknownKind: "run the same version of Apus on both ends"
      case .invalid: "correct the value"
      }
    return ApusError(.badInput, description, advice: advice)
  }
}
