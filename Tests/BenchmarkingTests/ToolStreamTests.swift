import Engines
import Foundation
import Serving
import Synchronization
import TestKit
import Testing

@testable import Benchmarking

/// Calls of functions in engines' streams, and what engines are asked with tools.
@Suite("Streams of calls", .serialized) struct ToolStreamTests {
  private static let tools = Tools(
    functions: ["f", "g"].map { Tools.Function(name: $0, json: #"{"type":"function","function":{"name":"\#($0)"}}"#) })

  private func stream(
    _ server: CannedServer, _ dialect: RequestDialect, tools: Tools = tools, maxTokens: Int = 20
  ) async throws -> (end: GenerationEnd, arrivals: [TokenArrival]) {
    defer { withExtendedLifetime(server) {} }
    let arrivals = Mutex<[TokenArrival]>([])
    let end = try await StreamingClient().stream(
      GenerationRequest(prompt: .chat([ChatMessage(role: "user", content: "x")]), maxTokens: maxTokens, tools: tools),
      to: EngineEndpoint(baseURL: server.baseURL, dialect: dialect)
    ) { arrival in arrivals.withLock { $0.append(arrival) } }
    return (end, arrivals.withLock { $0 })
  }

  private static func delta(_ delta: String, _ more: String = "", finish: String = "null") -> String {
    Canned.event(#"{"choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]\#(more)}"#)
  }

  private static func predicted(_ count: Int) -> String { #","timings":{"cache_n":1,"predicted_n":\#(count)}"# }

  /// As llama.cpp writes it: only the last event of a step says how many tokens there are, and a parser holds tokens back
  /// until it knows that they name a function.
  @Test func llamaCpp() async throws {
    let server = CannedServer(
      Canned.streamHead, Self.delta(#"{"role":"assistant","content":null}"#),
      Self.delta(#"{"content":"so"}"#, Self.predicted(1)),
      Self.delta(#"{"content":" it is"}"#),
      Self.delta(
        #"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]}"#,
        Self.predicted(6)),
      Self.delta(#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#, Self.predicted(7)),
      Self.delta(#"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]}"#),
      Self.delta("{}", finish: #""tool_calls""#),
      Canned.event(#"{"choices":[],"usage":{"completion_tokens":9,"prompt_tokens":40},"timings":{"predicted_n":9}}"#),
      Canned.event("[DONE]"))
    let (end, arrivals) = try await stream(server, .llamaCpp)
    #expect(end.reason == .toolCalls && end.outputTokenCount == 9 && end.promptTokenCount == 40)
    #expect(arrivals.map(\.tokenIDs.count) == [1, 5, 1, 2] && arrivals.map(\.text) == ["so", " it is", "", ""])
    #expect(
      arrivals.flatMap(\.toolCalls).calls
        == [ToolCall(id: "a", name: "f", arguments: "{}"), ToolCall(id: "b", name: "g", arguments: "{}")])
    let sent = server.received[0]
    #expect(sent.hasPrefix("POST /v1/chat/completions ") && sent.contains(#""timings_per_token":true"#))
    #expect(
      sent.hasSuffix(
        #","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],"tool_choice":"auto"}"#
      ))
  }

  /// One token for each event; a call without an id gets one, and calls that come whole need no place.
  @Test func openAI() async throws {
    let server = CannedServer(
      Canned.streamHead,
      Self.delta(#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#),
      Self.delta(#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#),
      Self.delta(#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#, finish: #""stop""#),
      Canned.event("[DONE]"))
    let (end, arrivals) = try await stream(server, .openAI)
    let calls = arrivals.flatMap(\.toolCalls).calls
    #expect(calls.map(\.name) == ["f", "g"] && calls.map(\.arguments) == ["{}", "{}"] && calls[1].id == "b")
    #expect(calls[0].id.hasPrefix("call_") && end.reason == .toolCalls && end.outputTokenCount == 3)
    #expect(arrivals.map(\.tokenIDs) == [[-1], [-1], [-1]])
    #expect(!server.received[0].contains("timings_per_token"))
  }

  /// llama.cpp does not know a choice of one function; it gets that one alone. Others get it named.
  @Test func choices() async throws {
    var tools = Self.tools
    tools.choice = .function("g")
    tools.forbidsParallelCalls = true
    for (dialect, ending) in [
      (
        RequestDialect.llamaCpp,
        #""tools":[{"type":"function","function":{"name":"g"}}],"tool_choice":"required","parallel_tool_calls":false}"#
      ),
      (.openAI, #""tool_choice":{"type":"function","function":{"name":"g"}},"parallel_tool_calls":false}"#),
    ] {
      let server = CannedServer(Canned.streamHead, Self.delta("{}", finish: #""stop""#), Canned.event("[DONE]"))
      let end = try await stream(server, dialect, tools: tools).end
      #expect(server.received[0].hasSuffix(ending) && end.reason == .stop)
    }
  }

  /// A server that says nonsense of calls is not believed.
  @Test(arguments: [
    delta(#"{"tool_calls":[{"index":3,"id":"a","function":{"name":"f","arguments":""}}]}"#),
    delta(#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#),
    delta(#"{"content":"x"}"#, predicted(1_000_000)),
    delta(
      #"{"tool_calls":[\#((0..<200).map { #"{"index":\#($0),"id":"a","function":{"name":"f"}}"# }.joined(separator: ","))]}"#
    ),
  ]) func nonsense(event: String) async {
    let server = CannedServer(Canned.streamHead, event, Canned.event("[DONE]"))
    await #expect {
      _ = try await stream(server, .llamaCpp)
    } throws: {
      guard case .invalidAnswer = $0 as? RequestFailure else { return false }
      return true
    }
  }

  private struct Answer {
    var answer: JobAnswer
    var shown: [GeneratedTokens]
  }

  private func run(_ tools: Tools?, script: ScriptedEngine.Script = .init(), messages: [ChatMessage]) async throws
    -> Answer
  {
    let host = try scriptedHost(ScriptedEngine(script: script))
    let candidate = Candidate(configuration: EngineConfiguration(engine: EngineName("scripted")), fidelity: .exact)
    let engine = try await host.launch(candidate.configuration, model: .scripted, contextTokens: nil)
    let shown = Mutex<[GeneratedTokens]>([])
    let spec = JobSpec(model: ModelProfile.scripted.id, prompt: .chat(messages), maxTokens: 3, tools: tools)
    let answer = await JobRunner(host: host).run(
      JobRequest(job: JobID("job-1"), spec: spec, candidate: candidate), on: engine
    ) { tokens in shown.withLock { $0.append(tokens) } }
    await engine.stop()
    return Answer(answer: answer, shown: shown.withLock { $0 })
  }

  /// A job's call is streamed, reported and measured token by token.
  @Test func job() async throws {
    var tools = Self.tools
    tools.choice = .required
    let result = try await run(tools, messages: [ChatMessage(role: "user", content: "t7")])
    #expect(
      result.answer.toolCalls == [ToolCall(id: "call_scripted", name: "f", arguments: #"{"t": " t8 t9 t10"}"#)])
    #expect(result.shown.flatMap(\.toolCalls).calls == result.answer.toolCalls && result.shown.count == 3)
    #expect(result.answer.finishReason == .toolCalls && result.answer.output.isEmpty)
    #expect(result.answer.measurement.outcome.metrics?.outputTokenCount == 3)
    #expect(result.answer.measurement.samples.first?.tokenSeconds.count == 3)
  }

  /// A template without a place for tools, or for the calls of before, is found out before the engine leaves them out.
  @Test func templateWithoutTools() async throws {
    let script = ScriptedEngine.Script { $0.toolTemplate = false }
    let user = ChatMessage(role: "user", content: "t7")
    let before = ChatMessage(role: "assistant", content: "", toolCalls: [ToolCall(id: "1", name: "f", arguments: "{}")])
    for result in [
      try await run(Self.tools, script: script, messages: [user]),
      try await run(nil, script: script, messages: [user, before]),
    ] {
      #expect(result.answer.finishReason == .toolsRefused && result.shown.isEmpty)
      #expect(result.answer.measurement.outcome == .cancelled, "no failure of the configuration")
      #expect(result.answer.measurement.warnings.first?.contains("no place for tools") == true)
    }
    #expect(try await run(nil, script: script, messages: [user]).answer.finishReason == .length)
  }

  /// What an engine says against a request with tools is told as that; a fault of its own is not.
  @Test func enginesThatRefuse() {
    var spec = JobSpec(model: ModelID("m"), prompt: .chat([]), maxTokens: 1, tools: Self.tools)
    let refusal = RequestFailure.refused(status: 400, message: "no parser")
    #expect(refusal.blamingTools(of: spec).finishReason == .toolsRefused)
    #expect(refusal.blamingTools(of: spec).description.contains("no parser"))
    #expect(RequestFailure.refused(status: 500, message: "x").blamingTools(of: spec).finishReason == nil)
    spec.tools = nil
    #expect(refusal.blamingTools(of: spec) == refusal)
  }
}
