import Serving
import Testing

@testable import Worker

@Suite("Jobs that a restored slot spared the reading") struct RestoredSlotsTests {
  private func text(_ letter: Character, bytes: Int) -> String { String(repeating: letter, count: bytes) }

  private func spec(_ prompt: Prompt) -> JobSpec {
    JobSpec(model: Fixtures.model().id, prompt: prompt, maxTokens: 4)
  }

  /// Whether a job is told as spared whose engine had `cached` tokens of its prompt, at four bytes a token.
  private func isSpared(_ slots: RestoredSlots, _ prompt: Prompt, cached: Int?, begun: String = "") -> Bool {
    let spec = spec(prompt)
    let sample = RequestTimeline(
      sentAtSeconds: 0, tokenSeconds: [], promptTokenCount: (spec.promptBytes + begun.utf8.count) / 4,
      cachedTokenCount: cached)
    return RestoredSlots.spared(sample, spec, begun: begun, ownBytes: slots.ownBytes(spec, begun: begun))
  }

  /// What a fresh engine has is what it restored.
  @Test func firstJob() {
    let slots = RestoredSlots()
    #expect(isSpared(slots, .text("short"), cached: 1))
    #expect(!isSpared(slots, .text("short"), cached: 0))
    #expect(!isSpared(slots, .text("short"), cached: nil))
  }

  /// What it was asked since it has from there; what it has beyond that it restored.
  @Test func laterJobs() {
    var slots = RestoredSlots()
    let own = text("a", bytes: 1024)
    slots.add(spec(.text(own)), output: "")
    #expect(!isSpared(slots, .text(own), cached: 255))
    let longer = own + text("b", bytes: 1024)
    #expect(!isSpared(slots, .text(longer), cached: 256))
    #expect(isSpared(slots, .text(longer), cached: 400))
    #expect(isSpared(slots, .text(text("c", bytes: 1024)), cached: 200))
    // A block is the least that is told apart.
    #expect(!isSpared(slots, .text(text("c", bytes: 1024)), cached: 60))
  }

  /// The next turn of a conversation finds the answer of the one before it, and an answer that goes on finds its beginning.
  @Test func answers() {
    var slots = RestoredSlots()
    let question = ChatMessage(role: "user", content: text("a", bytes: 600))
    let answer = text("b", bytes: 600)
    slots.add(spec(.chat([question])), output: answer)
    let turn: [ChatMessage] = [
      question, ChatMessage(role: "assistant", content: answer), ChatMessage(role: "user", content: "and then?"),
    ]
    #expect(!isSpared(slots, .chat(turn), cached: 305))
    #expect(!isSpared(slots, .chat([question]), cached: 305, begun: answer))
    #expect(isSpared(slots, .chat([question]), cached: 305, begun: text("c", bytes: 600)))
  }
}
