import Serving
import Testing

@Suite("ContextBudget") struct ContextBudgetTests {
  private func spec(_ prompt: Prompt, maxTokens: Int) -> JobSpec {
    JobSpec(model: ModelID("model"), prompt: prompt, maxTokens: maxTokens)
  }

  /// Small jobs share the least context; larger ones get the next power of two above half their bytes and their output;
  /// none gets more than the model can.
  @Test(arguments: [(10, 64, 2048), (8000, 64, 4096), (8000, 500, 8192), (100, 3000, 4096), (100_000, 64, 32768)])
  func powersOfTwo(bytes: Int, output: Int, tokens: Int) {
    let spec = spec(.text(String(repeating: "x", count: bytes)), maxTokens: output)
    #expect(ContextBudget.tokens(for: spec, contextLength: 32768) == tokens)
    #expect(ContextBudget.tokens(for: spec, contextLength: 1024) == 1024)
    let dense = ContextBudget.tokens(for: spec, contextLength: 1024, isDense: true)
    #expect(dense == 1024, "never more than the model's own")
  }

  /// Never less than a token for each byte of a short prompt: no text has more.
  @Test func shortPromptsAlwaysFit() {
    for bytes in [1, 500, 1024] {
      let chat = Prompt.chat([ChatMessage(role: "user", content: String(repeating: "x", count: bytes))])
      #expect(ContextBudget.tokens(for: spec(chat, maxTokens: 1000), contextLength: 0) >= bytes + 1000)
    }
  }
}
