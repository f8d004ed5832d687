import Serving

/// One request of a trace.
public struct TraceRequest: Hashable, Sendable {
  /// A piece of a prompt: equal sources give equal text, so prompts that begin alike say so.
  public struct Segment: Hashable, Sendable {
    public var source: UInt64
    public var tokens: Int

    public init(source: UInt64, tokens: Int) {
      self.source = source
      self.tokens = tokens
    }
  }

  /// Since the trace's start.
  public var seconds: Double
  public var prompt: [Segment]
  public var outputTokens: Int
  /// Number of the model asked for, from 0.
  public var model: Int
  public var client: String
  public var session: String?

  public init(
    seconds: Double, prompt: [Segment], outputTokens: Int, model: Int = 0, client: String = "client",
    session: String? = nil
  ) {
    self.seconds = seconds
    self.prompt = prompt
    self.outputTokens = outputTokens
    self.model = model
    self.client = client
    self.session = session
  }

  public var promptTokens: Int { max(1, prompt.reduce(0) { $0 + $1.tokens }) }

  /// Most tokens a client asks for: it does not know how many will come.
  public var maxTokens: Int { Self.limits.first { $0 >= outputTokens } ?? outputTokens }

  private static let limits = [16, 64, 128, 256, 512, 1024, 2048, 4096]

  /// Text of as many tokens, at four bytes each.
  public var text: String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * promptTokens)
    for segment in prompt {
      var generator = SeededGenerator(seed: segment.source)
      for _ in 0..<segment.tokens {
        var word = generator.next()
        for _ in 0..<4 {
          bytes.append(UInt8(ascii: "a") + UInt8(word & 15))
          word >>= 4
        }
      }
    }
    return bytes.isEmpty ? "aaaa" : String(decoding: bytes, as: UTF8.self)
  }
}
