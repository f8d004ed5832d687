import Serving
import Testing

@Suite struct RecentValuesTests {
  @Test("A value that comes again is known, until as many others came as are remembered")
  func forgetting() {
    var recent = RecentValues<String>(limit: 3)
    let isNew = ["a", "b", "c", "a", "d"].map { recent.insert($0) }
    #expect(isNew == [true, true, true, false, true])
    #expect(["a", "b", "c", "d"].map { recent.contains($0) } == [false, true, true, true])
    let isNewLater = ["e", "f", "a"].map { recent.insert($0) }
    #expect(isNewLater == [true, true, true])
    #expect(["d", "e", "f", "a"].map { recent.contains($0) } == [false, true, true, true])
  }
}
