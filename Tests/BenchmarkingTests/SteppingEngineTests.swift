import Benchmarking
import Engines
import Serving
import TestKit
import Testing

/// The engine that the cost of serving is measured with answers as the one that tests use does.
@Suite("Stepping engine") struct SteppingEngineTests {
  @Test("Answers that run together are each whole and in order", arguments: [0.0, 2])
  func manyAtOnce(itlMS: Double) async throws {
    var engine = ScriptedEngine(
      script: ScriptedEngine.Script { script in
        script.itlMS = itlMS
        script.slots = 3
      })
    engine.server = .stepping
    let process = try await EngineProcess.start(
      engine.plan(), guardPath: testGuardPath(), memoryLimitBytes: nil)
    let endpoint = EngineEndpoint(baseURL: process.baseURL, dialect: engine.dialect)
    let texts = try await withThrowingTaskGroup(of: String.self) { group in
      for first in 0..<5 {
        group.addTask {
          let request = GenerationRequest(
            prompt: .tokens([Int32(100 * first)]), maxTokens: 4 + first, ignoresEndOfSequence: true)
          let text = Text()
          let end = try await StreamingClient().stream(request, to: endpoint) { await text.add($0.text) }
          #expect(end.reason == .length && end.outputTokenCount == 4 + first && end.promptTokenCount == 1)
          return await text.whole
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let wanted = (0..<5).map { first in (1...4 + first).map { " t\(100 * first + $0)" }.joined() }
    #expect(texts.sorted() == wanted.sorted())
    await process.stop()
  }

  private actor Text {
    private(set) var whole = ""
    func add(_ piece: String) { whole += piece }
  }
}
