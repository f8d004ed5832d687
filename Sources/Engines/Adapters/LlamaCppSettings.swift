import FoundationEssentials
import Serving

/// A configuration in llama.cpp's words: field paths of xllamacpp's `CommonParams`, as server.py takes them.
struct LlamaCppSettings {
  private(set) var fields: [String: Field] = [:]
  private(set) var threadCount: Int

  enum Field: Hashable, Encodable {
    case bool(Bool)
    case int(Int)
    case text(String)
    case list([String])

    func encode(to encoder: any Encoder) throws {
      var value = encoder.singleValueContainer()
      switch self {
      case .bool(let bool): try value.encode(bool)
      case .int(let int): try value.encode(int)
      case .text(let text): try value.encode(text)
      case .list(let list): try value.encode(list)
      }
    }
  }

  /// One line, keys sorted, so that equal settings are equal text.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(fields) else { preconditionFailure("strings and numbers are always JSON") }
    return String(decoding: data, as: UTF8.self)
  }

  init(_ request: LaunchRequest, knownKnobs: Set<KnobName>) throws(ApusError) {
    let knobs = KnobReader(request.configuration, knownKnobs: knownKnobs)
    try knobs.refuseUnknown()
    threadCount = try knobs.int(.threadCount, in: 1...1024) ?? max(1, request.coreCount)
    fields["model.path"] = .text(request.modelPath)
    fields["cpuparams.n_threads"] = .int(threadCount)
    fields["cpuparams_batch.n_threads"] = .int(threadCount)
    try setSlots(knobs, request)
    try setBatches(knobs)
    try setCache(knobs)
    try setSpeculation(knobs, request)
    // Which file is loaded was decided before; here the knob only has to be a text.
    _ = try knobs.text(.weightVariant)
  }

  /// The engine divides its context among its slots; ours is a figure for each slot, so that more slots do not mean
  /// shorter prompts.
  private mutating func setSlots(_ knobs: KnobReader, _ request: LaunchRequest) throws(ApusError) {
    let slots = try knobs.int(.slotCount, in: 1...256)
    if let slots { fields["n_parallel"] = .int(slots) }
    let longest = request.model.contextLength
    if let context = request.contextTokens {
      guard context >= 1, longest <= 0 || context <= longest else {
        throw ApusError(
          .badInput, "\(context) tokens of context do not fit \(request.model.name), which has \(longest)",
          advice: "Ask for a shorter prompt or output, or use a model with a longer context.")
      }
      fields["n_ctx"] = .int(context * (slots ?? 1))
    } else if let slots, slots > 1, longest > 0 {
      fields["n_ctx"] = .int(longest * slots)
    }
  }

  private mutating func setBatches(_ knobs: KnobReader) throws(ApusError) {
    let batch = try knobs.int(.batchTokens, in: 1...65536)
    let micro = try knobs.int(.microBatchTokens, in: 1...65536)
    if let batch, let micro, micro > batch {
      throw ApusError(
        .badInput, "micro_batch_tokens=\(micro) is more than batch_tokens=\(batch)",
        advice: "A prefill step is made of compute steps: give micro_batch_tokens at most batch_tokens.")
    }
    if let batch { fields["n_batch"] = .int(batch) }
    if let micro { fields["n_ubatch"] = .int(micro) }
  }

  private mutating func setCache(_ knobs: KnobReader) throws(ApusError) {
    if let keeps = try knobs.bool(.prefixCaching) {
      fields["cache_prompt"] = .bool(keeps)
      if !keeps { fields["cache_ram_mib"] = .int(0) }
    }
    let types = ["f16", "q8_0", "q4_0"]
    let keys = try knobs.text(.keyCacheType, oneOf: types)
    let values = try knobs.text(.valueCacheType, oneOf: types)
    let flash = try knobs.bool(.flashAttention)
    if flash == false, let values, values != "f16" {
      throw ApusError(
        .badInput,
        "value_cache_type=\(values) with flash_attention=off: llama.cpp quantizes values only with flash attention",
        advice: "Leave flash_attention unset, or value_cache_type=f16.")
    }
    if let keys { fields["cache_type_k"] = .text(keys.uppercased()) }
    if let values { fields["cache_type_v"] = .text(values.uppercased()) }
    if let flash { fields["flash_attn_type"] = .text(flash ? "ENABLED" : "DISABLED") }
  }

  private mutating func setSpeculation(_ knobs: KnobReader, _ request: LaunchRequest) throws(ApusError) {
    let kind = try knobs.text(.speculation, oneOf: ["draft-model", "n-gram"])
    let draftTokens = try knobs.int(.draftTokens, in: 1...64)
    let ngramSize = try knobs.int(.ngramSize, in: 1...64)
    let draftModel = try knobs.text(.draftModel)
    if ngramSize != nil { try knobs.require(.ngramSize, kind == "n-gram", "speculation=n-gram") }
    if draftModel != nil { try knobs.require(.draftModel, kind == "draft-model", "speculation=draft-model") }
    if draftTokens != nil { try knobs.require(.draftTokens, kind != nil, "speculation") }
    switch kind {
    case "draft-model":
      guard let path = request.draftModelPath else {
        throw ApusError(
          .badInput, "speculation=draft-model without a draft model's file",
          advice: "Name one with draft_model, and see that this worker has it (apus model list).")
      }
      fields["speculative.types"] = .list(["DRAFT_SIMPLE"])
      fields["speculative.draft.mparams.path"] = .text(path)
      fields["speculative.draft.cpuparams.n_threads"] = .int(threadCount)
      fields["speculative.draft.cpuparams_batch.n_threads"] = .int(threadCount)
      if let draftTokens { fields["speculative.draft.n_max"] = .int(draftTokens) }
    case "n-gram":
      fields["speculative.types"] = .list(["NGRAM_SIMPLE"])
      if let ngramSize { fields["speculative.ngram_simple.size_n"] = .int(ngramSize) }
      if let draftTokens { fields["speculative.ngram_simple.size_m"] = .int(draftTokens) }
    default: break
    }
  }
}
