import Serving
import Testing

@testable import Coordinator

@Suite struct RouteKeyTests {
  @Test(
    "Lengths fall into classes that are a third to a half apart",
    arguments: [
      (1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (6, 6), (7, 8), (9, 12), (13, 16), (17, 24), (25, 32), (1000, 1024),
      (1025, 1536),
    ])
  func classes(tokens: Int, expected: Int) {
    let spec = Fixture.spec(String(repeating: "abcd", count: tokens), maxTokens: tokens)
    #expect(RouteKey(spec).promptTokens == expected)
    #expect(RouteKey(spec).outputTokens == expected)
  }

  @Test("Jobs of one shape, model, objective and limits share a key; others do not")
  func keys() {
    let key = RouteKey(Fixture.spec("12345678"))
    #expect(key == RouteKey(Fixture.spec("abcdefgh")))
    var spec = Fixture.spec("12345678")
    spec.limits.allowsApproximate = true
    #expect(key != RouteKey(spec))
    spec = Fixture.spec("12345678")
    spec.objective = .ttft
    #expect(key != RouteKey(spec))
    #expect(key != RouteKey(Fixture.spec("12345678", model: Fixture.model("other"))))
    spec = Fixture.spec("12345678")
    spec.sampling = Sampling(logprobs: 0)
    #expect(key != RouteKey(spec))
    spec = Fixture.spec("12345678")
    spec.tools = Tools(functions: [Tools.Function(name: "f", json: "{}")])
    #expect(key != RouteKey(spec))
  }

  /// A prompt in the top class of a context is not taken for one that is as long as its class may be.
  @Test(
    "What the selector is asked about fits the context",
    arguments: [
      (6200, 100, 8192, 8064, 128), (9000, 1, 8192, 8191, 1), (100, 5000, 8192, 128, 6144), (100, 9000, 8192, 1, 8191),
      (100, 100, 8192, 128, 128), (9000, 100, 0, 12288, 128), (5, 5, 1, 6, 6),
    ])
  func fitting(prompt: Int, output: Int, context: Int, promptAsked: Int, outputAsked: Int) {
    let key = RouteKey(Fixture.spec(String(repeating: "abcd", count: prompt), maxTokens: output))
    let workload = key.workload(fitting: context)
    #expect(workload.promptTokens == promptAsked...promptAsked && workload.outputTokens == outputAsked...outputAsked)
  }
}
