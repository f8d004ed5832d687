import Messaging
import Testing

@testable import Gateway

@Suite struct PrometheusTextTests {
  @Test func everyNameHasItsHelpAndKindBeforeItsNumbers() {
    var text = PrometheusText()
    text.add("a_total", .counter, "All there are.", 3)
    text.add(
      "b", .gauge, "Each.", [(labels: [("w", "one"), ("v", "two")], value: 0.5), (labels: [("w", "x")], value: 1)])
    #expect(
      text.text == """
        # HELP a_total All there are.
        # TYPE a_total counter
        a_total 3
        # HELP b Each.
        # TYPE b gauge
        b{w="one",v="two"} 0.5
        b{w="x"} 1.0

        """)
  }

  @Test func labelsAreEscaped() {
    var text = PrometheusText()
    text.line("a", [("worker", "a\\b\"c\nd")], 1)
    #expect(text.text == #"a{worker="a\\b\"c\nd"} 1"# + "\n")
  }

  /// A count that is listed twice, or under the name of another, would be told wrongly.
  @Test func everyCountHasANameOfItsOwn() {
    let counters = CoordinatorMetrics.counters
    #expect(Set(counters.map(\.name)).count == counters.count)
    #expect(Set(counters.map { $0.count as PartialKeyPath<CoordinatorMetrics> }).count == counters.count)
    #expect(counters.count == Mirror(reflecting: CoordinatorMetrics()).children.count)
    #expect(counters.allSatisfy { $0.name.allSatisfy { $0 == "_" || ("a"..."z").contains($0) } })
  }
}
