import Foundation
import Serving
import Testing

@Suite("A boxed value is its value")
struct BoxedTests {
  private struct Plain: Codable { var list: [Int] }
  private struct Holder: Codable, Hashable { @Boxed var list: [Int] }

  @Test("It compares and hashes as its value, and a copy that changes leaves the other as it was")
  func value() {
    let first = Holder(list: [1, 2])
    var second = Holder(list: [1, 2])
    #expect(first == second && first.hashValue == second.hashValue)
    second = first
    second.list.append(3)
    #expect(first.list == [1, 2] && second.list == [1, 2, 3] && first != second)
  }

  @Test("It is encoded as if it were not boxed, so that what is stored does not change")
  func coding() throws {
    let boxed = try JSONEncoder().encode(Holder(list: [4]))
    #expect(boxed == (try JSONEncoder().encode(Plain(list: [4]))))
    #expect(try JSONDecoder().decode(Holder.self, from: boxed).list == [4])
  }
}
