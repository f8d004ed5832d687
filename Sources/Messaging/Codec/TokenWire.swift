import CMessages
import Serving

// Tokens of an answer in Schemas/messages.proto.

extension TokenLogprob.Alternative: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ProbableToken>) { apus__probable_token__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ProbableToken>, _ arena: Arena) throws(CodecError) {
    c.pointee.data = try arena.bytes(bytes)
    c.pointee.logprob = try Wire.number(logprob, "ProbableToken.logprob")
  }

  init(reading c: UnsafePointer<Apus__ProbableToken>) throws(CodecError) {
    self.init(
      bytes: Wire.bytes(c.pointee.data), logprob: try Wire.number(c.pointee.logprob, "ProbableToken.logprob"))
  }
}

extension TokenLogprob: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__TokenLogprob>) { apus__token_logprob__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__TokenLogprob>, _ arena: Arena) throws(CodecError) {
    try Self.check(alternatives.count)
    c.pointee.token = try arena.message(token)
    c.pointee.n_alternatives = alternatives.count
    c.pointee.alternatives = try arena.messages(alternatives)
  }

  init(reading c: UnsafePointer<Apus__TokenLogprob>) throws(CodecError) {
    try Self.check(c.pointee.n_alternatives)
    self.init(
      try Wire.message(c.pointee.token, "TokenLogprob.token"),
      alternatives: try Wire.messages(
        c.pointee.alternatives, c.pointee.n_alternatives, "TokenLogprob.alternatives"))
  }

  private static func check(_ count: Int) throws(CodecError) {
    guard count <= mostAlternatives else {
      throw .invalid(field: "TokenLogprob.alternatives", problem: "are \(count), more than \(mostAlternatives)")
    }
  }
}

extension TokenChunk: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__TokenChunk>) { apus__token_chunk__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__TokenChunk>, _ arena: Arena) throws(CodecError) {
    c.pointee.job = try arena.text(job)
    c.pointee.lease = try arena.text(lease)
    c.pointee.first_index = try arena.count(firstIndex, "TokenChunk.first_index")
    c.pointee.n_token_ids = tokenIDs.count
    c.pointee.token_ids = try arena.copy(tokenIDs)
    c.pointee.text = try arena.text(text)
    c.pointee.n_logprobs = logprobs.count
    c.pointee.logprobs = try arena.messages(logprobs)
    c.pointee.n_tool_calls = toolCalls.count
    c.pointee.tool_calls = try arena.messages(toolCalls)
  }

  init(reading c: UnsafePointer<Apus__TokenChunk>) throws(CodecError) {
    self.init(
      job: try Wire.id(c.pointee.job, "TokenChunk.job"),
      lease: try Wire.id(c.pointee.lease, "TokenChunk.lease"),
      firstIndex: try Wire.count(c.pointee.first_index, "TokenChunk.first_index"),
      tokenIDs: Array(UnsafeBufferPointer(start: c.pointee.token_ids, count: c.pointee.n_token_ids)),
      text: try Wire.text(c.pointee.text, "TokenChunk.text"),
      logprobs: try Wire.messages(c.pointee.logprobs, c.pointee.n_logprobs, "TokenChunk.logprobs"),
      toolCalls: try Wire.messages(c.pointee.tool_calls, c.pointee.n_tool_calls, "TokenChunk.tool_calls"))
  }
}
