/// The shape of the requests: lengths, concurrency, arrival, what they share. Equal shapes have equal costs.
public struct Workload: Hashable, Codable, Sendable {
  /// `chat`, `long-prompt`, ... or the name in a workload file. Not a feature: the shape is.
  public var name: String
  /// Tokens of one prompt, the shared prefix included.
  public var promptTokens: ClosedRange<Int>
  public var outputTokens: ClosedRange<Int>
  /// Requests in flight at once (closed loop), at least 1.
  public var concurrency: Int
  /// Mean arrivals per second (open loop, Poisson); nil for a closed loop.
  public var arrivalRate: Double?
  /// Share of the prompt's tokens that all requests have in common at the start, 0...1.
  public var sharedPrefixShare: Double
  /// Share of the output that repeats parts of the prompt, 0...1: what n-gram speculation lives on.
  public var repetitiveness: Double
  /// Requests in one measured block.
  public var requestCount: Int

  public init(
    name: String, promptTokens: ClosedRange<Int>, outputTokens: ClosedRange<Int>, concurrency: Int = 1,
    arrivalRate: Double? = nil, sharedPrefixShare: Double = 0, repetitiveness: Double = 0, requestCount: Int
  ) {
    self.name = name
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.concurrency = concurrency
    self.arrivalRate = arrivalRate
    self.sharedPrefixShare = sharedPrefixShare
    self.repetitiveness = repetitiveness
    self.requestCount = requestCount
  }

  public var meanPromptTokens: Double { Double(promptTokens.lowerBound + promptTokens.upperBound) / 2 }
  public var meanOutputTokens: Double { Double(outputTokens.lowerBound + outputTokens.upperBound) / 2 }

  /// The same shape with half the tokens, for a tight budget. Concurrency, sharing and repetitiveness stay.
  public var halved: Workload {
    var half = self
    half.promptTokens = max(1, promptTokens.lowerBound / 2)...max(1, promptTokens.upperBound / 2)
    half.outputTokens = max(1, outputTokens.lowerBound / 2)...max(1, outputTokens.upperBound / 2)
    return half
  }

  /// Equal for workloads whose measurements may be compared: everything but the name and the block's length.
  public var shape: String {
    let rate = arrivalRate.map { String($0) } ?? "closed"
    return """
      p\(promptTokens.lowerBound)-\(promptTokens.upperBound)/o\(outputTokens.lowerBound)-\(outputTokens.upperBound)\
      /c\(concurrency)/\(rate)/s\(sharedPrefixShare)/r\(repetitiveness)
      """
  }
}

extension Workload {
  /// One user, short turns.
  public static let chat = Workload(name: "chat", promptTokens: 64...64, outputTokens: 64...64, requestCount: 2)
  /// Retrieval or summary: much to read, little to write.
  public static let longPrompt = Workload(
    name: "long-prompt", promptTokens: 1500...1500, outputTokens: 16...16, requestCount: 1)
  /// Eight requests at once that begin with the same 512 tokens.
  public static let sharedPrefix = Workload(
    name: "shared-prefix", promptTokens: 544...544, outputTokens: 16...16, concurrency: 8, sharedPrefixShare: 0.94,
    requestCount: 8)
  /// Eight streams at once with nothing in common.
  public static let concurrent = Workload(
    name: "concurrent", promptTokens: 64...64, outputTokens: 64...64, concurrency: 8, requestCount: 8)
  /// Rewriting a text: the output repeats most of the prompt.
  public static let edit = Workload(
    name: "edit", promptTokens: 261...261, outputTokens: 128...128, repetitiveness: 0.9, requestCount: 1)
  /// Short question, long answer.
  public static let longGeneration = Workload(
    name: "long-generation", promptTokens: 32...32, outputTokens: 256...256, requestCount: 1)

  /// The workloads known by name on the command line.
  public static let builtIn: [Workload] = [.chat, .longPrompt, .sharedPrefix, .concurrent, .edit, .longGeneration]
}
