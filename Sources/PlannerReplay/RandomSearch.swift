public import Serving

/// Every point once in random order; over all of them it is the full grid.
public struct RandomSearch: GridSearch {
  private var order: ArraySlice<Int>
  private var observed = ObservedMeans()

  public init(_ grid: MeasuredGrid, using generator: inout SeededGenerator) {
    order = grid.points.indices.dropFirst().shuffled(using: &generator)[...]
  }

  public mutating func next() -> Int? { order.popFirst() }

  public mutating func observe(_ point: Int, _ logSpeedup: Double?) {
    if let logSpeedup { observed.add(point, logSpeedup) }
  }

  public var choice: Int { observed.best }
}
