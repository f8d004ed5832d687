import Coordinator
import Foundation
import Serving
import Testing

@testable import Simulation

@Suite("Traces: as published, or made from a seed")
struct TraceTests {
  private func read(_ text: String) throws -> [TraceRequest] { try TraceFile.read(Data(text.utf8), named: "t") }

  @Test("BurstGPT, Azure, Vidur and Mooncake are read as they are")
  func formats() throws {
    let burst = try read(
      """
      Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
      5,ChatGPT,472,18,490,Conversation log
      45,GPT-4,1087,230,1317,API log
      45,GPT-4,1087,0,1087,API log
      """)
    #expect(burst.map(\.seconds) == [0, 40], "the one that failed is left out")
    #expect(burst.map(\.promptTokens) == [472, 1087] && burst.map(\.outputTokens) == [18, 230])
    #expect(burst.map(\.model) == [0, 1])
    let azure = try read(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
    )
    #expect(abs(azure[1].seconds - 4.314579) < 1e-6)
    let vidur = try read("arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,100,10\n0.1,50,5\n")
    #expect(vidur.map(\.promptTokens) == [50, 100], "by arrival")
    let mooncake = try read(
      """
      {"timestamp": 0, "input_length": 1100, "output_length": 52, "hash_ids": [46, 47, 48]}
      {"timestamp": 3000, "input_length": 1600, "output_length": 26, "hash_ids": [46, 47, 99, 100]}
      """)
    #expect(mooncake[1].seconds == 3)
    let blocks = mooncake.map { PromptBlocks(.text($0.text)).hashes }
    let shared = zip(blocks[0], blocks[1]).prefix { $0 == $1 }.count
    #expect(shared == 1024 * 4 / PromptBlocks.bytes, "two blocks of 512 tokens")
  }

  @Test(
    "A date is its seconds since 1970",
    arguments: [("1970-01-02 00:00:01", 86_401), ("2024-02-29T12:00:00Z", 1_709_208_000)])
  func dates(text: String, seconds: Double) {
    #expect(TraceFile.seconds(text) == seconds)
    #expect(TraceFile.seconds("soon") == nil)
    #expect(TraceFile.seconds("-3") == nil)
  }

  @Test(
    "What is no trace is refused with its line",
    arguments: [
      ("", "no header"), ("a,b,c\n1,2,3\n", "no column for the arrival"),
      ("Timestamp,Request tokens,Response tokens\n1,2\n", "line 2"),
      ("Timestamp,Request tokens,Response tokens\n1,2,3\nx,2,3\n", "line 3"),
      ("Timestamp,Request tokens,Response tokens\n1,-2,3\n", "line 2"),
      ("Timestamp,Request tokens,Response tokens\n", "no requests"), ("{\"timestamp\": 0}\n", "line 1"),
    ])
  func refused(text: String, reason: String) {
    let error = #expect(throws: ApusError.self) { try read(text) }
    #expect(error?.code == .badInput && error.map { "\($0)".contains(reason) } == true, "\(String(describing: error))")
  }

  @Test("The same seed makes the same trace: in order, bursty, with turns that begin with all that was said before")
  func generated() throws {
    var generator = TraceGenerator(rate: 10, requestCount: 3000, seed: 4)
    let requests = generator.requests()
    #expect(requests == generator.requests())
    #expect(zip(requests, requests.dropFirst()).allSatisfy { $0.seconds <= $1.seconds })
    let rate = Double(requests.count) / requests.last!.seconds
    #expect(rate > 7 && rate < 14, "\(rate)")
    let sessions = Dictionary(grouping: requests, by: \.session).values.filter { $0.count > 1 }
    #expect(sessions.count > 100)
    let long = sessions.first { PromptBlocks(.text($0[0].text)).hashes.count > 2 }
    let turns = try #require(long)
    let (first, second) = (PromptBlocks(.text(turns[0].text)).hashes, PromptBlocks(.text(turns[1].text)).hashes)
    #expect(Array(second.prefix(first.count)) == first)
    generator.seed = 5
    #expect(requests != generator.requests())
  }

  @Test("A paced trace makes the load it was asked for, whatever it was")
  func paced() {
    let nodes = [NodeModel].pool(speeds: [8, 4, 2, 1], count: 8)
    for load in [0.3, 0.9] {
      let requests = nodes.trace(load: load, TraceGenerator(rate: 1, requestCount: 2000, seed: 1))
      let made = Double(requests.count - 1) / requests.last!.seconds / nodes.capacity(for: requests)
      #expect(abs(made / load - 1) < 1e-9)
    }
  }
}
