/// Items packed so that packs are equally full and about equally heavy: heaviest first, each to the lightest pack with room.
/// Source: deepseek-ai/EPLB, eplb.py (`balanced_packing`).
struct BalancedPacking {
  /// The items of each pack, in the order they came.
  let members: [[Int]]

  init(_ weights: [Float], rooms: [Int]) {
    guard rooms.contains(where: { $0 != 1 }) else {
      members = weights.indices.map { [$0] }
      return
    }
    // Flat, as this runs for every layer: the items of a pack begin where those of the packs before it end.
    var starts = [0]
    for room in rooms { starts.append(starts[starts.count - 1] + room) }
    var slots = [Int](repeating: 0, count: starts[rooms.count])
    var used = [Int](repeating: 0, count: rooms.count)
    var sums = [Float](repeating: 0, count: rooms.count)
    for item in weights.indices.sorted(by: { (weights[$0], $1) > (weights[$1], $0) }) {
      var lightest = -1
      for pack in rooms.indices where used[pack] < rooms[pack] {
        if lightest < 0 || sums[pack] < sums[lightest] { lightest = pack }
      }
      slots[starts[lightest] + used[lightest]] = item
      used[lightest] += 1
      sums[lightest] += weights[item]
    }
    members = rooms.indices.map { Array(slots[starts[$0]..<starts[$0] + used[$0]]) }
  }
}
