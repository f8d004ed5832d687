import Testing

@testable import Coordinator

@Suite("Entry table")
struct EntryTableTests {
  /// Whatever is added, changed and taken away, it holds what a dictionary holds.
  @Test func holdsWhatADictionaryHolds() {
    var table = EntryTable<Int, String>()
    var known: [Int: String] = [:]
    for round in 0..<2_000 {
      let key = Int.random(in: 0..<40)
      switch Int.random(in: 0..<4) {
      case 0:
        table[key] = "set \(round)"
        known[key] = "set \(round)"
      case 1:
        table[key, default: "new"] += " \(round)"
        known[key, default: "new"] += " \(round)"
      case 2:
        #expect(table.removeValue(forKey: key) == known.removeValue(forKey: key))
      default:
        if let place = table.index(forKey: key) { table.values[place] += "+" }
        known[key]? += "+"
      }
      #expect(table[key] == known[key])
    }
    #expect(Dictionary(uniqueKeysWithValues: table.map { ($0.key, $0.value) }) == known)
    #expect(table.keys.sorted() == known.keys.sorted() && table.values.count == known.count)
    for (place, key) in table.keys.enumerated() { #expect(table.index(forKey: key) == place) }
  }
}
