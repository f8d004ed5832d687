import Serving
import Testing

@Suite("CPUList") struct CPUListTests {
  /// The kernel's notation is read with its ranges and gaps, sorted and without repeats, and written the same way.
  @Test(arguments: [
    ("0", [0], "0"), ("0-3", [0, 1, 2, 3], "0-3"), ("0-1,4,6-7\n", [0, 1, 4, 6, 7], "0-1,4,6-7"),
    ("3,1,2,2", [1, 2, 3], "1-3"), ("", [], ""), (" 5 , 7 ", [5, 7], "5,7"), ("2-2", [2], "2"),
  ]) func readsAndWrites(text: String, cores: [Int], written: String) throws {
    let list = try #require(CPUList(parsing: text))
    #expect(list.cores == cores)
    #expect(list.description == written)
    #expect(CPUList(parsing: list.description) == list)
  }

  /// Anything else is no list; a range that would fill the memory is not even tried.
  @Test(arguments: ["a", "1-", "-1", "3-1", "1.5", "0-4000000000", "99999999", "1--2", "0x1"])
  func refuses(text: String) {
    #expect(CPUList(parsing: text) == nil)
  }

  @Test func positionsAreCountedAmongTheListsOwn() throws {
    let own = CPUList([4, 5, 6, 7])
    #expect(own.at(try #require(CPUList(parsing: "0,2"))) == CPUList([4, 6]))
    #expect(own.at(try #require(CPUList(parsing: "0-4"))) == nil)
    #expect(own.at(CPUList([])) == nil)
  }
}
