import Serving
import Testing

@testable import OpenAI

/// What OpenAI clients send becomes jobs, and what cannot be carried is refused by the name of its field.
@Suite struct CompletionRequestTests {
  private let model = ModelProfile.unknown(ModelID("m"))

  private func read(_ json: String) throws(RequestRefusal) -> CompletionRequest { try .read(Array(json.utf8)) }

  private func refusal(_ json: String, isChat: Bool = true) throws -> RequestRefusal {
    try #require(throws: RequestRefusal.self) {
      _ = try read(json).jobs(model, isChat: isChat, key: nil, defaults: CompletionDefaults(seed: 1))
    }
  }

  @Test func everyFieldOfAChat() throws {
    let request = try read(
      """
      {"model":"m","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"a"},
      {"type":"text","text":"b"}]}],"max_tokens":7,"temperature":0.5,"top_p":0.9,"stop":["x","y"],"seed":-3,"stream":true,
      "stream_options":{"include_usage":true},"frequency_penalty":0,"logprobs":false,"user":"somebody",
      "apus":{"objective":"ttft","slo":["ttft:p99<=500ms"],"max_quality_loss":0.01,"idempotency_key":"k",
      "priority":2,"deadline_ms":9000,"session":"s"}}
      """)
    #expect(request.isStreamed == true && request.streamOptions?.includesUsage == true)
    let jobs = try request.jobs(model, isChat: true, key: nil, defaults: CompletionDefaults(seed: 1))
    let expected = JobSpec(
      model: model.id,
      prompt: .chat([ChatMessage(role: "system", content: "be brief"), ChatMessage(role: "user", content: "ab")]),
      maxTokens: 7, temperature: 0.5, seed: UInt64(bitPattern: -3), objective: .ttft,
      limits: Limits(slos: [try #require(SLO(parsing: "ttft:p99<=500ms"))], maxQualityLoss: 0.01), idempotencyKey: "k",
      sampling: Sampling(stop: ["x", "y"], topP: 0.9), priority: 2, deadlineMS: 9000, session: "s")
    #expect(jobs == [expected])
  }

  @Test func defaultsAreOpenAIs() throws {
    let text = try read(#"{"model":"m","prompt":"p"}"#).jobs(
      model, isChat: false, key: "h", defaults: CompletionDefaults(seed: 9))
    #expect(text.map(\.maxTokens) == [16] && text[0].temperature == 1 && text[0].seed == 9)
    #expect(text[0].idempotencyKey == "h" && text[0].sampling == nil)
    let chat = try read(#"{"model":"m","messages":[{"role":"user","content":"p"}]}"#)
    #expect(try chat.jobs(model, isChat: true, key: nil, defaults: CompletionDefaults(seed: 9))[0].maxTokens == 2048)
    var small = model
    small.contextLength = 200
    #expect(try chat.jobs(small, isChat: true, key: nil, defaults: CompletionDefaults(seed: 9))[0].maxTokens < 200)
  }

  @Test("A chat says whether and how many log-probabilities it wants, a completion how many")
  func logprobs() throws {
    func wanted(_ json: String, isChat: Bool) throws -> Int? {
      try read(json).jobs(model, isChat: isChat, key: nil, defaults: CompletionDefaults(seed: 1))[0].sampling?.logprobs
    }
    let chat = #"{"model":"m","messages":[{"role":"user","content":"p"}],"logprobs":"#
    #expect(try wanted(chat + "true}", isChat: true) == 0)
    #expect(try wanted(chat + #"true,"top_logprobs":20}"#, isChat: true) == 20)
    #expect(try wanted(chat + "false}", isChat: true) == nil && wanted(chat + "null}", isChat: true) == nil)
    #expect(try wanted(#"{"model":"m","prompt":"p","logprobs":5}"#, isChat: false) == 5)
    #expect(try refusal(#"{"model":"m","prompt":"p","logprobs":true}"#, isChat: false).code == "wrong_type")
    #expect(try refusal(#"{"model":"m","prompt":"p","logprobs":-1}"#, isChat: false).param == "logprobs")
  }

  @Test("A schema is handed on as it was written, whatever stands around it")
  func responseFormats() throws {
    func schema(_ format: String) throws -> String? {
      let body =
        #"{"user": "\"response_format\": {", "messages":[{"role":"user","content":"p"}],"# + format + #","model":"m"}"#
      return try read(body).jobs(model, isChat: true, key: nil, defaults: CompletionDefaults(seed: 1))[0].sampling?
        .schema
    }
    #expect(try schema(#""response_format":{"type":"text"}"#) == nil)
    #expect(try schema(#""response_format": {"type":"json_object"}"#) == #"{"type":"object"}"#)
    let written = #"{"type":"object", "properties":{"z":{"type":"string","pattern":"[}\"]"},"a":{"type":"integer"}}}"#
    let wanted =
      #""response_format" : {"json_schema":{"name":"n", "strict":true,"schema": \#(written) },"type":"json_schema"}"#
    #expect(try schema(wanted) == written)
    #expect(try schema(wanted.replacing("json_schema\":{", with: "json_sc\\u0068ema\":{")) == written)
    for (format, param, code) in [
      (#"{"type":"xml"}"#, "response_format", "invalid_value"), (#"{"type":3}"#, "response_format.type", "wrong_type"),
      (#"{"type":"json_schema"}"#, "response_format.json_schema.schema", "missing_field"),
      (#"{"type":"json_schema","json_schema":{"schema":true}}"#, "response_format.json_schema.schema", "missing_field"),
    ] {
      let error = try refusal(
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"response_format":\#(format)}"#)
      #expect(error.param == param && error.code == code, "\(error)")
    }
  }

  @Test("The two names of the limit may say the same; a completion knows the old one")
  func tokenLimits() throws {
    let both = #"{"messages":[{"role":"user","content":"p"}],"max_tokens":4,"max_completion_tokens":4}"#
    #expect(try read(both).jobs(model, isChat: true, key: nil, defaults: CompletionDefaults(seed: 1))[0].maxTokens == 4)
    let error = try refusal(#"{"prompt":"p","max_completion_tokens":4}"#, isChat: false)
    #expect(error.param == "max_completion_tokens" && error.code == "unsupported_parameter")
  }

  @Test func penalties() throws {
    let request = try read(#"{"prompt":"p","frequency_penalty":-2,"presence_penalty":0.5}"#)
    let job = try request.jobs(model, isChat: false, key: nil, defaults: CompletionDefaults(seed: 1))[0]
    #expect(job.sampling == Sampling(frequencyPenalty: -2, presencePenalty: 0.5))
    #expect(try refusal(#"{"prompt":"p","presence_penalty":2.5}"#, isChat: false).param == "presence_penalty")
  }

  @Test func choicesDifferInTheirSeedsAndKeys() throws {
    let jobs = try read(#"{"model":"m","prompt":"p","n":3,"seed":5}"#).jobs(
      model, isChat: false, key: "k", defaults: CompletionDefaults(seed: 1))
    #expect(jobs.map(\.seed) == [5, 6, 7] && jobs.map(\.idempotencyKey) == ["k/0", "k/1", "k/2"])
  }

  @Test(
    "A wrong type is told in JSON's words",
    arguments: [
      (#""max_tokens":"7""#, "whole number"), (#""temperature":"x""#, "a number"), (#""stream":1"#, "true or false"),
      (#""model":1"#, "a text"), (#""messages":"x""#, "a list"), (#""stream_options":1"#, "an object"),
    ])
  func wrongTypes(field: String, words: String) throws {
    let error = #expect(throws: RequestRefusal.self) { _ = try read("{\(field)}") }
    #expect(error?.code == "wrong_type" && error?.message.contains(words) == true, "\(error?.message ?? "")")
  }

  @Test("Of texts to stop at it is said whether they are too many, too long or empty")
  func stops() throws {
    func stopping(_ texts: [String]) throws(RequestRefusal) -> [JobSpec] {
      let list = texts.map { "\"\($0)\"" }.joined(separator: ",")
      return try read(#"{"prompt":"p","stop":[\#(list)]}"#).jobs(
        model, isChat: false, key: nil, defaults: CompletionDefaults(seed: 1))
    }
    let most = (0..<16).map { "s\($0)" }
    #expect(try stopping(most)[0].sampling?.stop == most)
    for (texts, word) in [
      (most + ["x"], "17 texts"), (["a", ""], "0 bytes"), ([String(repeating: "a", count: 257)], "257 bytes"),
    ] {
      let error = #expect(throws: RequestRefusal.self) { _ = try stopping(texts) }
      #expect(error?.param == "stop" && error?.message.contains(word) == true)
    }
  }

  @Test("Each of several prompts has its choices, in order")
  func severalPrompts() throws {
    let jobs = try read(#"{"model":"m","prompt":["a","b"],"n":2,"seed":5}"#).jobs(
      model, isChat: false, key: "k", defaults: CompletionDefaults(seed: 1))
    #expect(jobs.map(\.prompt) == [.text("a"), .text("a"), .text("b"), .text("b")])
    #expect(jobs.map(\.seed) == [5, 6, 5, 6] && jobs.map(\.idempotencyKey) == ["k/0", "k/1", "k/2", "k/3"])
    let many = Array(repeating: #""a""#, count: 65).joined(separator: ",")
    for prompts in ["[]", #"["a",""]"#, "[1,2]", "[\(many)]"] {
      #expect(try refusal(#"{"model":"m","prompt":\#(prompts)}"#, isChat: false).param == "prompt")
    }
  }

  @Test("An empty idempotency key is none", arguments: [nil, "", "h"] as [String?], ["", "b"])
  func emptyKeys(header: String?, body: String) throws {
    let jobs = try read(#"{"model":"m","prompt":"p","apus":{"idempotency_key":"\#(body)"}}"#).jobs(
      model, isChat: false, key: header, defaults: CompletionDefaults(seed: 1))
    #expect(jobs.map(\.idempotencyKey) == [header == "h" ? "h" : body == "b" ? "b" : nil])
  }

  @Test(
    "Each fault is named",
    arguments: [
      ("{", nil, "invalid_json"), ("[]", nil, "wrong_type"),
      (#"{"model":"m","messages":"hello"}"#, "messages", "wrong_type"),
      (#"{"model":"m","messages":[{"role":"user"}]}"#, "messages[0].content", "missing_field"),
      (#"{"model":"m","messages":[]}"#, "messages", "missing_field"),
      (#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#, "messages", "invalid_value"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"max_tokens":0}"#, "max_tokens", "invalid_value"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"max_tokens":"7"}"#, "max_tokens", "wrong_type"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"max_tokens":1.5}"#, "max_tokens", "wrong_type"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"seed":1e99}"#, "seed", "wrong_type"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"top_logprobs":0.5}"#, "top_logprobs", "wrong_type"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"temperature":3}"#, "temperature", "invalid_value"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"top_p":0}"#, "top_p", "invalid_value"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"n":9}"#, "n", "invalid_value"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"stop":["",""]}"#, "stop", "invalid_value"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"logprobs":3}"#, "logprobs", "wrong_type"),
      (#"{"model":"m","messages":[{"role":"user","content":"p"}],"top_logprobs":3}"#, "top_logprobs", "invalid_value"),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"logprobs":true,"top_logprobs":21}"#, "top_logprobs",
        "invalid_value"
      ),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"max_tokens":4,"max_completion_tokens":5}"#,
        "max_completion_tokens", "invalid_value"
      ),
      (#"{"model":"m","messages":[{"role":"user","content":5}]}"#, "messages[0].content", "wrong_type"),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"apus":{"priority":1.5}}"#, "apus.priority",
        "wrong_type"
      ),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"apus":{"priority":6}}"#, "apus.priority",
        "invalid_value"
      ),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"apus":{"deadline_ms":-1}}"#, "apus.deadline_ms",
        "invalid_value"
      ),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"apus":{"objectiv":"ttft"}}"#, "apus.objectiv",
        "unsupported_parameter"
      ),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"apus":{"objective":"speed"}}"#, "apus.objective",
        "invalid_value"
      ),
      (
        #"{"model":"m","messages":[{"role":"user","content":"p"}],"apus":{"slo":["fast"]}}"#, "apus.slo",
        "invalid_value"
      ),
    ] as [(String, String?, String)])
  func refusals(json: String, param: String?, code: String) throws {
    let error = try refusal(json)
    #expect(error.code == code, "\(error)")
    #expect(error.param == param, "\(error)")
  }

  @Test("Defaults of whoever reads are taken where a body does not say, and not where it does")
  func defaults() throws {
    let defaults = CompletionDefaults(
      maxTokens: 7, temperature: 0, seed: 3, objective: .cost, limits: Limits(slos: [], maxQualityLoss: 0.5))
    let silent = try read(#"{"prompt":"p"}"#)
    #expect(silent.model == nil)
    let job = try silent.jobs(model, isChat: false, key: nil, defaults: defaults)[0]
    #expect(job.maxTokens == 7 && job.temperature == 0 && job.seed == 3 && job.objective == .cost)
    #expect(job.limits.maxQualityLoss == 0.5)
    let said = try read(
      #"{"prompt":"p","max_tokens":2,"temperature":1,"seed":4,"apus":{"objective":"ttft","max_quality_loss":0.1}}"#)
    let other = try said.jobs(model, isChat: false, key: nil, defaults: defaults)[0]
    #expect(other.maxTokens == 2 && other.temperature == 1 && other.seed == 4 && other.objective == .ttft)
    #expect(other.limits.maxQualityLoss == 0.1)
  }

  @Test("What clients send that asks for nothing is taken; anything else that no job carries is refused by name")
  func unsupported() throws {
    func refused(_ more: String, message: String = "") -> String? {
      do {
        _ = try read(#"{"model":"m","messages":[{"role":"user","content":"p"\#(message)}]\#(more)}"#)
        return nil
      } catch {
        return error.code == "unsupported_parameter" ? error.param : "\(error)"
      }
    }
    let silent =
      #","user":"u","metadata":{"a":"b"},"store":true,"tools":[],"tool_choice":"auto","functions":null,"#
      + #""logit_bias":{},"presence_penalty":0,"frequency_penalty":0.0,"best_of":1,"suffix":"","echo":false,"modalities":["text"]"#
    #expect(refused(silent) == nil)
    let servers =
      #","repeat_penalty":1.0,"typical_p":1.0,"use_beam_search":false,"length_penalty":1,"skip_special_tokens":true,"#
      + #""add_generation_prompt":true,"stop_token_ids":[],"mirostat":0,"cache_prompt":true,"think":false,"#
      + #""background":false,"options":{},"priority":0,"chat_id":"c","session_id":"s","id":"i","#
      + #""timings_per_token":true,"return_progress":true,"reasoning_effort":"low","verbosity":"high""#
    #expect(refused(servers) == nil)
    for (field, value) in [
      ("functions", #"[{"name":"f"}]"#),
      ("logit_bias", #"{"1":2}"#), ("best_of", "2"), ("echo", "true"), ("top_k", "3"), ("modalities", #"["audio"]"#),
      ("repeat_penalty", "1.1"), ("use_beam_search", "true"), ("stop_token_ids", "[2]"), ("mirostat", "2"),
      ("options", #"{"top_k":3}"#), ("priority", "1"), ("skip_special_tokens", "false"),
    ] {
      #expect(refused(#","\#(field)":\#(value)"#) == field)
    }
    let told = #","name":"n","refusal":null,"annotations":[],"tool_calls":[],"id":"i","reasoning_content":"r""#
    #expect(refused("", message: told) == nil)
    #expect(refused("", message: #","function_call":{"name":"f"}"#) == "messages")
  }

  @Test func moreThanTheContextAndInvalidUTF8() throws {
    var small = model
    small.contextLength = 100
    let request = try read(#"{"model":"m","prompt":"p","max_tokens":101}"#)
    let error = #expect(throws: RequestRefusal.self) {
      _ = try request.jobs(small, isChat: false, key: nil, defaults: CompletionDefaults(seed: 1))
    }
    #expect(error?.code == "context_length_exceeded")
    let broken = #expect(throws: RequestRefusal.self) { _ = try CompletionRequest.read([0x22, 0xff, 0x22]) }
    #expect(broken?.code == "invalid_json")
  }
}
