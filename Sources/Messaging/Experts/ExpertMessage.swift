public import Serving

/// What passes between a hub and a host of experts: the headers. Activations follow in frames of their own.
///
/// A hub says hello, has experts loaded and dropped, and sends batches; a host answers each of them under its id.
public enum ExpertMessage: Hashable, Sendable {
  case hello(version: UInt32)
  case facts(ExpertFacts)
  case load(ExpertChange)
  case loaded(ExpertLoaded)
  case drop(ExpertChange)
  case batch(ExpertBatchHeader)
  case sums(ExpertSumsHeader)
  case refusal(id: UInt64, ApusError)
}

/// The model that a host serves.
public struct ExpertFacts: Hashable, Sendable {
  /// Layers with experts.
  public var layerCount: Int
  public var expertCount: Int
  public var hiddenSize: Int
  public var intermediateSize: Int
  /// Bytes of the weights it has in memory now.
  public var loadedBytes: Int

  public init(layerCount: Int, expertCount: Int, hiddenSize: Int, intermediateSize: Int, loadedBytes: Int) {
    self.layerCount = layerCount
    self.expertCount = expertCount
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.loadedBytes = loadedBytes
  }
}

/// Experts of one layer that a host is to load or may drop.
public struct ExpertChange: Hashable, Sendable {
  public var id: UInt64
  public var layer: Int
  public var experts: [Int]
  /// Inner elements of each, not empty.
  public var cut: Range<Int>

  public init(id: UInt64, layer: Int, experts: [Int], cut: Range<Int>) {
    self.id = id
    self.layer = layer
    self.experts = experts
    self.cut = cut
  }
}

/// The answer to `load`, when the experts are there, and to `drop`.
public struct ExpertLoaded: Hashable, Sendable {
  public var id: UInt64
  /// Bytes read for them; what was there already is not read again.
  public var movedBytes: Int
  /// Bytes of all weights in memory.
  public var loadedBytes: Int
  public var seconds: Double

  public init(id: UInt64, movedBytes: Int, loadedBytes: Int, seconds: Double) {
    self.id = id
    self.movedBytes = movedBytes
    self.loadedBytes = loadedBytes
    self.seconds = seconds
  }
}

/// One part of what a host is to compute for a batch. Its frames: rows, pair rows, pair experts, pair weights.
public struct ExpertBatchHeader: Hashable, Sendable {
  public var id: UInt64
  public var layer: Int
  public var cut: Range<Int>
  /// Rows of all parts.
  public var rowCount: Int
  /// Rows of this part; the parts of an id come in order and without gaps.
  public var rows: Range<Int>
  public var pairCount: Int

  public init(id: UInt64, layer: Int, cut: Range<Int>, rowCount: Int, rows: Range<Int>, pairCount: Int) {
    self.id = id
    self.layer = layer
    self.cut = cut
    self.rowCount = rowCount
    self.rows = rows
    self.pairCount = pairCount
  }
}

/// One part of a host's sums for a batch. Its frame: rows.
public struct ExpertSumsHeader: Hashable, Sendable {
  public var id: UInt64
  public var rows: Range<Int>
  /// What the whole batch took on the host, the same in each part: waiting for its turn; computing, as long as the emulated
  /// machine takes where one is emulated; and computing by the clock.
  public var queuedSeconds: Double
  public var computedSeconds: Double
  public var processorSeconds: Double

  public init(
    id: UInt64, rows: Range<Int>, queuedSeconds: Double, computedSeconds: Double, processorSeconds: Double
  ) {
    self.id = id
    self.rows = rows
    self.queuedSeconds = queuedSeconds
    self.computedSeconds = computedSeconds
    self.processorSeconds = processorSeconds
  }
}
