/// A token of an answer, how probable the model found it there, and what it found most probable.
public struct TokenLogprob: Hashable, Codable, Sendable {
  /// Most alternatives that may be asked for at each place (OpenAI's limit).
  public static let mostAlternatives = 20
  /// Most log-probabilities that one job may ask for, alternatives included: a coordinator keeps them until it ends.
  public static let mostOfAJob = 1 << 16
  /// Stands for whatever is less probable (OpenAI's number for it).
  public static let least = -9999.0

  public struct Alternative: Hashable, Codable, Sendable {
    /// UTF-8 of its text. A token may be a part of a character.
    public var bytes: [UInt8]
    /// Natural logarithm of its probability over the whole vocabulary; `least` ... 0.
    public var logprob: Double

    public init(bytes: [UInt8], logprob: Double) {
      self.bytes = bytes
      self.logprob = Self.sound(logprob)
    }

    /// Engines write a probability of 0 as the lowest number there is, and rounding may leave a logarithm above 0.
    private static func sound(_ logprob: Double) -> Double {
      logprob.isNaN ? TokenLogprob.least : min(0, max(TokenLogprob.least, logprob))
    }
  }

  public var token: Alternative
  /// Most probable first.
  public var alternatives: [Alternative]

  public init(_ token: Alternative, alternatives: [Alternative] = []) {
    self.token = token
    self.alternatives = alternatives
  }
}
