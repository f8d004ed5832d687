import Testing

@testable import Learning

@Suite("ARFF files")
struct ARFFFileTests {
  private func read(_ text: String, limits: ARFFFile.Limits = ARFFFile.Limits()) throws(LearningError) -> ARFFFile {
    try ARFFFile(contents: Array(text.utf8), path: "x.arff", limits: limits)
  }

  private func refusal(_ text: String, limits: ARFFFile.Limits = ARFFFile.Limits()) -> LearningError? {
    do {
      _ = try read(text, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test("Keywords in any case, comments, quotes, missing values and Windows line ends are read")
  func reads() throws {
    let file = try read(
      """
      % a comment
      @RELATION 'a b'\r
      @attribute instance_id string
      @ATTRIBUTE "the cost" NUMERIC
      @ATTRIBUTE status {ok, 'time out'}

      @DATA,
      it's,1.5,ok
      'a,b', ? ,'time out'
      "say \\"x\\"",-2e3,?\r

      """)
    #expect(file.attributes == ["instance_id", "the cost", "status"])
    #expect(
      file.rows.map(\.values) == [["it's", "1.5", "ok"], ["a,b", nil, "time out"], ["say \"x\"", "-2e3", nil]])
    #expect(file.rows.map(\.line) == [8, 9, 10])
    let cost = try file.column("THE COST")
    let (small, missing) = (try file.number(file.rows[2], cost), try file.number(file.rows[1], cost))
    #expect(small == -2000)
    #expect(missing.isNaN)
  }

  @Test(
    "What is wrong is refused with its line",
    arguments: [
      ("@relation r\n@attribute a numeric\n@data\n1,2\n", 4, "more than 1 values"),
      ("@relation r\n@attribute a numeric\n@attribute b numeric\n@data\n1,2\n1\n", 6, "1 values for 2"),
      ("@relation r\n@attribute a string\n@data\n'open\n", 4, "quote that never ends"),
      ("@relation r\n@attribute a string\n@data\n{0 x}\n", 4, "sparse"),
      ("@relation r\n@attribute a\n@data\n", 2, "without a type"),
      ("@relation r\n@data\n", 2, "without any @ATTRIBUTE"),
      ("hello\n", 1, "no ARFF keyword"),
    ])
  func refuses(text: String, line: Int, reason: String) throws {
    let error = try #require(refusal(text))
    #expect(error.line == line)
    #expect(error.reason.contains(reason), "\(error)")
    #expect(error.description.hasPrefix("x.arff, line \(line): "))
  }

  @Test("Too long lines, too many rows or attributes, and bytes that are no text are refused")
  func isBounded() throws {
    var limits = ARFFFile.Limits()
    (limits.lineBytes, limits.attributeCount, limits.rowCount) = (40, 2, 1)
    let header = "@relation r\n@attribute a numeric\n"
    #expect(refusal(header + "% " + String(repeating: "x", count: 60), limits: limits)?.line == 3)
    #expect(
      refusal(header + "@attribute b numeric\n@attribute c numeric\n@data\n", limits: limits)?.reason.contains(
        "2 attributes")
        == true)
    #expect(refusal(header + "@data\n1\n2\n", limits: limits)?.line == 5)
    #expect(throws: LearningError.self) { try ARFFFile(contents: [0x40, 0xFF, 0x0A], path: "x") }
  }

  @Test("Text where a number must be is refused with line and attribute")
  func refusesText() throws {
    let file = try read("@relation r\n@attribute a numeric\n@data\nabc\n")
    let error = #expect(throws: LearningError.self) { try file.number(file.rows[0], 0) }
    #expect(error?.line == 4)
    #expect(error?.reason.contains("`abc`") == true)
  }
}
