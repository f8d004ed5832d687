/// A set of processor numbers in the kernel's own notation: `0-3,8`.
public struct CPUList: Hashable, Sendable, CustomStringConvertible {
  /// Sorted, without repeats.
  public let cores: [Int]

  /// The highest number a list may name plus one; the kernel's own bound on x86.
  public static let limit = 8192

  public init(_ cores: some Sequence<Int>) {
    self.cores = Set(cores).sorted()
  }

  /// Reads `0-3,8`; nil when the text says anything else. The empty text is the empty list.
  public init?(parsing text: String) {
    var cores: Set<Int> = []
    for part in text.filter({ !$0.isWhitespace }).split(separator: ",", omittingEmptySubsequences: false) {
      if part.isEmpty { continue }
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
      guard let first = ends[0], let last = ends.count == 2 ? ends[1] : first, first >= 0, last >= first,
        last < CPUList.limit
      else { return nil }
      cores.formUnion(first...last)
    }
    self.init(cores)
  }

  /// The processors of `self` that a list of positions among them names: of `4-7`, the positions `0,2` are `4,6`.
  ///
  /// - Returns: nil when a position is not there.
  public func at(_ positions: CPUList) -> CPUList? {
    guard let last = positions.cores.last, last < cores.count else { return nil }
    return CPUList(positions.cores.map { cores[$0] })
  }

  public var isEmpty: Bool { cores.isEmpty }
  public var count: Int { cores.count }

  public var description: String {
    var ranges: [ClosedRange<Int>] = []
    for core in cores {
      if let last = ranges.last, last.upperBound + 1 == core {
        ranges[ranges.count - 1] = last.lowerBound...core
      } else {
        ranges.append(core...core)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }
}
