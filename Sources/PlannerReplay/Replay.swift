public import Serving

/// One search played on a grid: how good its choice was after each measured block.
public struct Replay: Sendable {
  /// A choice of at least this share of the grid's best is good.
  public static let goodQuality = 0.95

  /// Quality of the choice after each block, in (0, 1].
  public let qualities: [Double]

  public init(qualities: [Double]) { self.qualities = qualities }

  /// Blocks after which the choice was good for the first time; nil when it never was.
  public var firstGood: Int? { qualities.firstIndex { $0 >= Self.goodQuality }.map { $0 + 1 } }

  /// Blocks after which the choice was good and stayed so to the end; nil when it was not good in the end.
  public var goodForGood: Int? {
    guard let last = qualities.last, last >= Self.goodQuality else { return nil }
    return (qualities.lastIndex { $0 < Self.goodQuality } ?? -1) + 2
  }

  /// Quality after so many blocks, or at the end of a search that wanted fewer.
  public func quality(after blocks: Int) -> Double {
    qualities.isEmpty ? 0 : qualities[min(blocks, qualities.count) - 1]
  }

  /// Plays a search to its end, or to as many blocks as the grid has points.
  ///
  /// A point's repeats come in random order; once all were seen they come again.
  public static func play(
    _ search: consuming some GridSearch, on grid: MeasuredGrid, most: Int? = nil,
    using generator: inout SeededGenerator
  ) -> Replay {
    var decks: [Int: [Double]] = [:]
    var qualities: [Double] = []
    while qualities.count < most ?? grid.points.count, let point = search.next() {
      if decks[point, default: []].isEmpty { decks[point] = grid.points[point].samples.shuffled(using: &generator) }
      search.observe(point, decks[point]!.popLast())
      qualities.append(grid.quality(search.choice))
    }
    return Replay(qualities: qualities)
  }
}
