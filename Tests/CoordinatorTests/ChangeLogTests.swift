import Selection
import Serving
import Testing

@testable import Coordinator

@Suite struct ChangeLogTests {
  private func change(_ worker: String, _ cause: KnowledgeChange.Cause) -> KnowledgeChange {
    KnowledgeChange(worker: WorkerName(worker), engine: EngineName("llamacpp"), knobs: nil, cause: cause, atMS: 0)
  }

  private func isNews(_ log: inout ChangeLog, _ change: KnowledgeChange, atSeconds seconds: Int) -> Bool {
    log.isNews(change, at: .seconds(seconds))
  }

  @Test func saysDriftsOfANodeOnceAMinute() {
    var log = ChangeLog()
    let slower = KnowledgeChange.Cause.drift(factor: 2, outcomes: 20)
    let faster = KnowledgeChange.Cause.drift(factor: 0.5, outcomes: 20)
    #expect(isNews(&log, change("a", slower), atSeconds: 1))
    #expect(!isNews(&log, change("a", faster), atSeconds: 2))
    #expect(isNews(&log, change("b", slower), atSeconds: 3), "another node's are its own")
    #expect(!isNews(&log, change("a", slower), atSeconds: 60))
    #expect(isNews(&log, change("a", faster), atSeconds: 61))
  }

  @Test func saysEveryVersion() {
    var log = ChangeLog()
    #expect(isNews(&log, change("a", .engineVersion(from: "1", to: "2")), atSeconds: 1))
    #expect(isNews(&log, change("a", .engineVersion(from: "2", to: "3")), atSeconds: 2))
  }
}
