/// Which fold each row is tested in. Rows of one group are never on both sides.
public struct Folds: Hashable, Sendable {
  /// Fold of each row, from 0.
  public let assignment: [Int]
  public let count: Int

  public init(assignment: [Int], count: Int) {
    precondition(assignment.allSatisfy { (0..<count).contains($0) }, "folds are numbered from 0 to \(count - 1)")
    self.assignment = assignment
    self.count = count
  }

  public func training(_ fold: Int) -> [Int] { assignment.indices.filter { assignment[$0] != fold } }
  public func test(_ fold: Int) -> [Int] { assignment.indices.filter { assignment[$0] == fold } }

  /// Rows in random order, dealt out evenly.
  static func random(count rows: Int, folds: Int, seed: UInt64) -> Folds {
    grouped(Array(0..<rows), folds: folds, seed: seed)
  }

  /// Whole groups in random order, each to the fold with the fewest rows so far.
  static func grouped<Group: Hashable & Comparable>(_ groups: [Group], folds: Int, seed: UInt64) -> Folds {
    var sizes: [Group: Int] = [:]
    for group in groups { sizes[group, default: 0] += 1 }
    var random = RandomSource(seed: seed, stream: 0xF01D)
    var loads = [Int](repeating: 0, count: max(1, folds))
    var fold: [Group: Int] = [:]
    for group in sizes.keys.sorted().shuffled(using: &random) {
      let least = loads.indices.min { loads[$0] < loads[$1] }!
      fold[group] = least
      loads[least] += sizes[group]!
    }
    return Folds(assignment: groups.map { fold[$0]! }, count: max(1, folds))
  }
}
