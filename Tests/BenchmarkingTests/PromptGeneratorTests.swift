import Benchmarking
import Serving
import Testing

@Suite("Prompt generator") struct PromptGeneratorTests {
  private let tokens = TokenSource(leading: [1], vocabulary: Array(100..<400))

  private func prompts(_ workload: Workload, seed: UInt64, _ tokens: TokenSource? = nil) -> [[Int32]] {
    PromptGenerator(workload: workload, seed: seed).requests(of: tokens ?? self.tokens).map(ids)
  }

  private func ids(_ request: GenerationRequest) -> [Int32] {
    guard case .tokens(let ids) = request.prompt else { return [] }
    return ids
  }

  private func commonPrefix(_ a: [Int32], _ b: [Int32]) -> Int {
    zip(a, b).prefix { $0 == $1 }.count
  }

  /// Every built-in workload, whole and halved: exact lengths and counts, the leading token first, known tokens only.
  @Test(arguments: Workload.builtIn + Workload.builtIn.map(\.halved)) func lengthsAreExact(workload: Workload) {
    let requests = PromptGenerator(workload: workload, seed: 7).requests(of: tokens)
    #expect(requests.count == workload.requestCount)
    for request in requests {
      let prompt = ids(request)
      #expect(workload.promptTokens.contains(prompt.count))
      #expect(workload.outputTokens.contains(request.maxTokens))
      #expect(prompt.first == 1)
      #expect(prompt.dropFirst().allSatisfy { (100..<400).contains($0) })
      #expect(request.ignoresEndOfSequence && request.temperature == 0)
    }
  }

  /// Lengths of a range stay in it, reach its ends and are not all alike.
  @Test func lengthsOfARangeVaryWithinIt() {
    let workload = Workload(name: "w", promptTokens: 5...9, outputTokens: 2...4, requestCount: 200)
    let requests = PromptGenerator(workload: workload, seed: 1).requests(of: tokens)
    #expect(Set(requests.map { ids($0).count }) == Set(5...9))
    #expect(Set(requests.map(\.maxTokens)) == Set(2...4))
  }

  /// The same seed gives the same requests; another seed another prompt from the second token on.
  @Test func seedsDecide() {
    #expect(prompts(.concurrent, seed: 3) == prompts(.concurrent, seed: 3))
    let firsts = (0..<300).map { prompts(.chat, seed: UInt64($0))[0] }
    for (index, prompt) in firsts.enumerated() {
      for other in firsts[..<index] { #expect(commonPrefix(prompt, other) <= 4) }
    }
  }

  /// Requests of one block share nothing but the leading token, or exactly the workload's share of it.
  @Test(arguments: [(0.0, 1), (0.5, 50), (0.94, 94), (0.01, 1)]) func sharedPrefixIsExact(share: Double, shared: Int) {
    let workload = Workload(
      name: "w", promptTokens: 100...100, outputTokens: 1...1, concurrency: 8, sharedPrefixShare: share,
      requestCount: 16)
    let all = prompts(workload, seed: 5)
    for (index, prompt) in all.enumerated() {
      for other in all[..<index] { #expect(commonPrefix(prompt, other) == shared) }
    }
    #expect(commonPrefix(all[0], prompts(workload, seed: 6)[0]) <= 4)
  }

  /// An edit prompt ends with the beginning of the known document that it holds, so that the model repeats it; other
  /// seeds take another part of the document.
  @Test func editPromptsHoldTheDocumentAndBeginItAgain() throws {
    let document = Array(Int32(1000)..<1256)
    let source = TokenSource(leading: [1], vocabulary: Array(100..<400), editDocument: document)
    let prompt = prompts(.edit, seed: 2, source)[0]
    let held = prompt.filter { $0 >= 1000 }
    #expect(prompt.count == 261)
    // 0.9 of 261 tokens, and 4 to begin it again.
    #expect(held.count == 235 + 4)
    #expect(Array(held.suffix(4)) == Array(held.prefix(4)))
    #expect(Array(prompt.suffix(239)) == held)
    let start = Int(try #require(held.first)) - 1000
    #expect(Array(held.prefix(235)) == (0..<235).map { document[(start + $0) % 256] })
    #expect(Set((0..<20).map { prompts(.edit, seed: $0, source)[0].first { $0 >= 1000 } }).count > 10)
    // Halved, the document is shorter, and the output still ends before it does.
    #expect(prompts(.edit.halved, seed: 2, source)[0].count { $0 >= 1000 } == 117 + 4)
  }

  /// Without a known document words take its place, and lengths stay exact down to a prompt of one token.
  @Test(arguments: [1, 2, 5, 9, 10, 40]) func editPromptsWithoutADocument(length: Int) {
    let workload = Workload(
      name: "w", promptTokens: length...length, outputTokens: 1...1, repetitiveness: 0.9, requestCount: 2)
    #expect(prompts(workload, seed: 1).allSatisfy { $0.count == length })
  }

  /// Text prompts have about one word for each token and follow the same rules.
  @Test func textPrompts() {
    func words(_ workload: Workload, _ seed: UInt64) -> [[Substring]] {
      PromptGenerator(workload: workload, seed: seed).textRequests().map {
        guard case .text(let text) = $0.prompt else { return [] }
        return text.split(separator: " ")
      }
    }
    let shared = words(.sharedPrefix, 1)
    #expect(shared.count == 8 && shared.allSatisfy { $0.count == 544 })
    #expect(Set(shared.map { $0.prefix(511) }).count == 1 && Set(shared.map { $0[511] }).count == 8)
    #expect(words(.chat, 1) != words(.chat, 2))
    let edit = words(.edit, 1)[0]
    #expect(edit.count == 261)
    #expect(Array(edit.suffix(4)) == Array(edit.dropLast(4).suffix(235).prefix(4)))
  }

  /// The leading tokens are what the tokenizer adds in front; what it adds at the end leads nothing.
  @Test func tokenSourceFindsTheLeadingTokens() throws {
    let plain = Array(Int32(10)..<60)
    #expect(try #require(TokenSource(withSpecial: [1] + plain, withoutSpecial: plain)).leading == [1])
    #expect(try #require(TokenSource(withSpecial: plain, withoutSpecial: plain)).leading == [])
    #expect(try #require(TokenSource(withSpecial: plain + [2], withoutSpecial: plain)).leading == [])
    #expect(TokenSource(withSpecial: [1, 2, 3], withoutSpecial: [2, 3]) == nil)
  }
}
