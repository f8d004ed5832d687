import Serving
import Testing

@testable import Simulation

@Suite("Events come by time, equal ones as they were added")
struct EventHeapTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func order(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let times = (0..<500).map { _ in Double(Int.random(in: 0..<50, using: &generator)) }
    var heap = EventHeap<Int>()
    for (number, time) in times.enumerated() { heap.add(number, at: time) }
    var taken: [Int] = []
    while let (time, number) = heap.removeFirst() {
      #expect(time == times[number])
      taken.append(number)
    }
    #expect(taken == times.indices.sorted { (times[$0], $0) < (times[$1], $1) })
  }
}
