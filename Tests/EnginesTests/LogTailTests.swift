import Engines
import Testing

/// What is kept of a log is bounded in lines and bytes, and is its end.
@Suite("LogTail") struct LogTailTests {
  @Test func keepsTheLastLinesInOrder() {
    var tail = LogTail()
    #expect(tail.text == "")
    for number in 1...100 { tail.append("line \(number)") }
    let lines = tail.text.split(separator: "\n")
    #expect(lines.count == LogTail.lineLimit)
    #expect(lines.first == "line 61" && lines.last == "line 100")
  }

  @Test func cutsLongLines() {
    var tail = LogTail()
    tail.append(String(repeating: "é", count: 100_000))
    #expect(tail.text.utf8.count <= LogTail.lineByteLimit + 2)
  }
}
