import Messaging
import Serving
import Testing

@testable import Worker

@Suite("ContextBudget") struct ContextBudgetTests {
  /// Small jobs share the least context; larger ones get the next power of two above half their bytes and their output;
  /// none gets more than the model can.
  @Test(arguments: [(10, 64, 2048), (8000, 64, 4096), (8000, 500, 8192), (100, 3000, 4096), (100_000, 64, 32768)])
  func powersOfTwo(bytes: Int, output: Int, tokens: Int) {
    var job = Fixtures.job(maxTokens: output)
    job.spec.prompt = .text(String(repeating: "x", count: bytes))
    var model = Fixtures.model()
    model.contextLength = 32768
    #expect(ContextBudget.tokens(for: job, model: model) == tokens)
    model.contextLength = 1024
    #expect(ContextBudget.tokens(for: job, model: model) == 1024)
    #expect(ContextBudget.tokens(for: job, model: model, isDense: true) == 1024, "never more than the model's own")
  }

  /// Never less than a token for each byte of a short prompt: no text has more.
  @Test func shortPromptsAlwaysFit() {
    for bytes in [1, 500, 1024] {
      var job = Fixtures.job(maxTokens: 1000)
      job.spec.prompt = .chat([ChatMessage(role: "user", content: String(repeating: "x", count: bytes))])
      var model = Fixtures.model()
      model.contextLength = 0
      #expect(ContextBudget.tokens(for: job, model: model) >= bytes + 1000)
    }
  }
}
