import Serving
import Testing

@testable import OpenAI

/// Tools, calls and their results, as OpenAI's clients write them.
@Suite struct ToolRequestTests {
  private let model = ModelProfile.unknown(ModelID("m"))

  private func jobs(_ more: String, messages: String = #"{"role":"user","content":"p"}"#, isChat: Bool = true) throws
    -> [JobSpec]
  {
    let body = #"{"model":"m",\#(isChat ? #""messages":[\#(messages)]"# : #""prompt":"p""#)\#(more)}"#
    return try CompletionRequest.read(Array(body.utf8)).jobs(
      model, isChat: isChat, key: nil, defaults: CompletionDefaults(seed: 1))
  }

  private func refusal(_ more: String, messages: String = #"{"role":"user","content":"p"}"#, isChat: Bool = true) throws
    -> RequestRefusal
  {
    try #require(throws: RequestRefusal.self) { _ = try jobs(more, messages: messages, isChat: isChat) }
  }

  private static func tool(_ name: String, _ more: String = "") -> String {
    #"{"type":"function","function":{"name":"\#(name)"\#(more)}}"#
  }

  @Test("Definitions are handed on as they were written, with the choice among them")
  func definitions() throws {
    let weather =
      #"{ "function":{"parameters":{"type":"object","properties":{"z":{},"a":{}}},"name":"get_weather","#
      + #""description":"[\"]}"}, "type":"function"}"#
    let both = #","tools":[\#(weather) , \#(Self.tool("b"))]"#
    let functions = [
      Tools.Function(name: "get_weather", json: weather), Tools.Function(name: "b", json: Self.tool("b")),
    ]
    #expect(try jobs(both)[0].tools == Tools(functions: functions))
    #expect(
      try jobs(both + #","tool_choice":"auto","parallel_tool_calls":true"#)[0].tools == Tools(functions: functions))
    #expect(
      try jobs(both + #","tool_choice":"required","parallel_tool_calls":false,"n":2"#).map(\.tools)
        == Array(repeating: Tools(functions: functions, choice: .required, forbidsParallelCalls: true), count: 2))
    let named = #","tool_choice":{"type":"function","function":{"name":"b"}}"#
    #expect(try jobs(both + named)[0].tools?.choice == .function("b"))
  }

  @Test("No tools, and tools of which none may be called, are a chat as any")
  func nothingToCall() throws {
    let plain = try jobs("")
    for more in [
      #","tools":[]"#, #","tools":null,"tool_choice":"none""#, #","tool_choice":"auto","parallel_tool_calls":true"#,
      #","tools":[\#(Self.tool("f"))],"tool_choice":"none""#,
    ] {
      #expect(try jobs(more) == plain, "\(more)")
    }
  }

  @Test("Calls of before and their results are part of the chat")
  func history() throws {
    let call = #"{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#
    let messages =
      #"{"role":"user","content":"p"},{"role":"assistant","content":null,"tool_calls":[\#(call)]},"#
      + #"{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"7"}]},"#
      + #"{"role":"assistant","content":"so","tool_calls":[]}"#
    let job = try jobs("", messages: messages)[0]
    #expect(
      job.prompt
        == .chat([
          ChatMessage(role: "user", content: "p"),
          ChatMessage(
            role: "assistant", content: "",
            toolCalls: [ToolCall(id: "c1", name: "f", arguments: #"{"a":1}"#)]),
          ChatMessage(role: "tool", content: "7", toolCallID: "c1"), ChatMessage(role: "assistant", content: "so"),
        ]))
    #expect(job.usesTools && job.tools == nil && !job.isHeldToForm)
  }

  @Test(
    "Each fault of tools is named",
    arguments: [
      (#"{"type":"function"}"#, "tools[0].function", "missing_field"),
      (#"{"type":"function","function":{}}"#, "tools[0].function.name", "missing_field"),
      (#"{"type":"custom","custom":{"name":"f"}}"#, "tools[0].type", "invalid_value"),
      (tool("f") + "," + tool("a b"), "tools[1].function.name", "invalid_value"),
      (tool(String(repeating: "f", count: 65)), "tools[0].function.name", "invalid_value"),
      (tool("f", #","parameters":"none""#), "tools[0].function.parameters", "wrong_type"),
      (tool("f", #","parameters":[1]"#), "tools[0].function.parameters", "wrong_type"),
      (tool("f", #","strict":"yes""#), "tools[0].function.strict", "wrong_type"),
      (tool("f") + "," + tool("f"), "tools", "invalid_value"),
      ((0..<1000).map { tool("f\($0)") }.joined(separator: ","), "tools", "invalid_value"),
      (tool("f", #","description":"\#(String(repeating: "x", count: 300_000))""#), "tools", "invalid_value"),
    ])
  func faults(tools: String, param: String, code: String) throws {
    let error = try refusal(#","tools":[\#(tools)]"#)
    #expect(error.param == param && error.code == code, "\(error)")
  }

  @Test("Each fault of a choice, or of what goes with it, is named")
  func choices() throws {
    let one = #","tools":[\#(Self.tool("f"))]"#
    for (more, param, code) in [
      (one + #","tool_choice":"any""#, "tool_choice", "invalid_value"),
      (one + #","tool_choice":{"type":"function","function":{"name":"g"}}"#, "tool_choice", "invalid_value"),
      (one + #","tool_choice":{"type":"function"}"#, "tool_choice.function", "missing_field"),
      (one + #","tool_choice":{"type":"tool","function":{"name":"f"}}"#, "tool_choice", "invalid_value"),
      (#","tool_choice":"required""#, "tool_choice", "invalid_value"),
      (one + #","parallel_tool_calls":1"#, "parallel_tool_calls", "wrong_type"),
      (one + #","logprobs":true"#, "logprobs", "unsupported_parameter"),
      (one + #","response_format":{"type":"json_object"}"#, "response_format", "unsupported_parameter"),
      (#","tools":{}"#, "tools", "wrong_type"),
    ] {
      let error = try refusal(more)
      #expect(error.param == param && error.code == code, "\(more): \(error)")
    }
    let named = try refusal(one + #","tool_choice":{"type":"function","function":{"name":"g"}}"#)
    #expect(named.message.contains("there is no tool g; there are f"))
    #expect(try refusal(one, isChat: false).param == "tools")
  }

  @Test("Each fault of a call or a result in the chat is named")
  func messages() throws {
    func call(_ name: String = "f", _ arguments: String = "{}") -> String {
      #"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"\#(name)","arguments":"\#(arguments)"}}]}"#
    }
    #expect(try jobs("", messages: call()) == jobs("", messages: call("f", "")))
    for (message, param, code) in [
      (#"{"role":"tool","content":"7"}"#, "messages[0].tool_call_id", "missing_field"),
      (#"{"role":"user","content":"7","tool_call_id":"1"}"#, "messages[0].tool_call_id", "invalid_value"),
      (#"{"role":"assistant","tool_calls":[{"id":"1"}]}"#, "messages[0].tool_calls[0].function", "missing_field"),
      (#"{"role":"assistant","content":null}"#, "messages[0].content", "wrong_type"),
      (call("a b"), "messages[0].tool_calls", "invalid_value"),
      (call("f", #"{\"cut"#), "messages[0].tool_calls", "invalid_value"),
      (call("f", String(repeating: "1", count: 300_000)), "messages[0].tool_calls", "invalid_value"),
      (call().replacing("assistant", with: "user"), "messages[0].tool_calls", "invalid_value"),
    ] {
      let error = try refusal("", messages: message)
      #expect(error.param == param && error.code == code, "\(message.prefix(80)): \(error)")
    }
  }
}
