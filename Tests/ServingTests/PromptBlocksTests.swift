import Testing

@testable import Serving

@Suite("Beginnings of prompts, and what is remembered of them")
struct PromptBlocksTests {
  private func text(_ blocks: Int, _ letter: Character = "a") -> String {
    String(repeating: letter, count: blocks * PromptBlocks.bytes)
  }

  @Test("Prompts that begin alike have equal first blocks, whatever the pieces they come in")
  func beginnings() {
    let short = PromptBlocks(.text(text(3)))
    let long = PromptBlocks(.text(text(3) + text(2, "b")))
    #expect(short.hashes.count == 3 && long.hashes.count == 5)
    #expect(Array(long.hashes.prefix(3)) == short.hashes)
    #expect(Set(long.hashes).count == 5, "each stands for all that is before it")
    #expect(PromptBlocks(.text("short")).hashes.isEmpty)
    #expect(PromptBlocks(.text(text(1000))).hashes.count == PromptBlocks.most)
    let chat = PromptBlocks(.chat([ChatMessage(role: "user", content: text(3))]))
    let longer = PromptBlocks(
      .chat([ChatMessage(role: "user", content: text(3)), ChatMessage(role: "assistant", content: text(1, "c"))]))
    #expect(Array(longer.hashes.prefix(chat.hashes.count)) == chat.hashes)
  }

  @Test("A memory is bounded, keeps what was used last, and tells engines apart")
  func memory() {
    var memory = PrefixMemory(generation: 100)
    for number in 0..<50 { memory.insert(PromptBlocks(.text("\(number) " + text(10))), engine: 1) }
    #expect(memory.count <= 200)
    #expect(memory.overlap(PromptBlocks(.text("49 " + text(10))), engine: 1) == 10)
    #expect(memory.overlap(PromptBlocks(.text("49 " + text(10))), engine: 2) == 0)
    #expect(memory.overlap(PromptBlocks(.text("0 " + text(10))), engine: 1) == 0)
    memory.forget()
    #expect(memory.count == 0)
  }
}
