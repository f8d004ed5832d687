/// How long and how large an answer may get.
public struct RequestLimits: Hashable, Sendable {
  /// Streams one process may have open to one engine; more wait, so load generators refuse more.
  public static let streamCount = 256

  /// Longest silence of the engine, in seconds. A long prompt on a busy machine takes a while to its first token.
  public var stallSeconds: Double
  /// Longest time of one request, in seconds.
  public var totalSeconds: Double
  /// Longest line of a stream.
  public var lineBytes: Int

  public init(stallSeconds: Double = 60, totalSeconds: Double = 3600, lineBytes: Int = 8 << 20) {
    self.stallSeconds = stallSeconds
    self.totalSeconds = totalSeconds
    self.lineBytes = lineBytes
  }
}
