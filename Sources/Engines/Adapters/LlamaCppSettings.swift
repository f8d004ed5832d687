import FoundationEssentials
import Serving

/// A configuration in llama.cpp's words, for the package's launcher and for the program alike.
struct LlamaCppSettings {
  private(set) var values: [LlamaCppOption: Value] = [:]
  private(set) var threadCount: Int
  /// The threads OpenMP may need: for reading or for writing, whichever are more.
  private(set) var mostThreads: Int
  /// Processors to keep the engine on; nil for those of the worker.
  private(set) var processors: String?

  /// What keeps the engine's process on its processors: a word before its command.
  var pinning: [String] { processors.map { ["taskset", "-c", $0] } ?? [] }

  enum Value: Hashable, Encodable {
    case bool(Bool)
    case int(Int)
    case double(Double)
    case text(String)
    case list([String])

    func encode(to encoder: any Encoder) throws {
      var value = encoder.singleValueContainer()
      switch self {
      case .bool(let bool): try value.encode(bool)
      case .int(let int): try value.encode(int)
      case .double(let double): try value.encode(double)
      case .text(let text): try value.encode(text)
      case .list(let list): try value.encode(list)
      }
    }
  }

  /// What the server must say of itself once it is ready.
  func shape(_ request: LaunchRequest) -> EngineShape {
    var slotCount = 1
    if case .int(let slots) = values[.slots] { slotCount = slots }
    return EngineShape(
      slotCount: slotCount, contextTokens: request.contextTokens, isSpeculating: values[.speculation] != nil)
  }

  /// Listens where the request says, in place of a port of the server's own choice.
  mutating func listen(_ request: LaunchRequest) {
    values[.hosts] = .list([request.host])
    values[.port] = .int(request.port)
  }

  /// What the package's launcher takes: one line, keys sorted, so that equal settings are equal text.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let fields = Dictionary(uniqueKeysWithValues: values.map { ($0.key.field, $0.value) })
    guard let data = try? encoder.encode(fields) else { preconditionFailure("strings and numbers are always JSON") }
    return String(decoding: data, as: UTF8.self)
  }

  /// What the program `llama-server` takes, in the order of the options.
  var arguments: [String] {
    LlamaCppOption.allCases.flatMap { option -> [String] in
      guard let value = values[option] else { return [] }
      switch value {
      case .bool(let isOn): return [isOn ? option.flag : option.flag.replacing("--", with: "--no-", maxReplacements: 1)]
      case .int(let number): return [option.flag, String(number)]
      case .double(let number): return [option.flag, String(number)]
      // Files and patterns are as they are; words of llama.cpp's enumerations are small letters in the program.
      case .text(let text):
        switch option {
        case .flashAttention: return [option.flag, text == "ENABLED" ? "on" : "off"]
        case .keyType, .valueType: return [option.flag, text.lowercased()]
        default: return [option.flag, text]
        }
      case .list(let words):
        return [option.flag, words.map { $0.lowercased().replacing("_", with: "-") }.joined(separator: ",")]
      }
    }
  }

  /// - Parameter slotDirectory: where slots are saved when the configuration says so.
  init(_ request: LaunchRequest, knownKnobs: Set<KnobName>, slotDirectory: String) throws(ApusError) {
    let knobs = try KnobReader(request.configuration, knownKnobs: knownKnobs)
    threadCount = try knobs.int(.threadCount, in: 1...1024) ?? max(1, request.coreCount)
    let readingThreads = try knobs.int(.batchThreadCount, in: 1...1024) ?? threadCount
    mostThreads = max(threadCount, readingThreads)
    processors = try knobs.text(
      .threadAffinity, matching: /[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*/, "a list of processors such as 0-3,8")
    values[.model] = .text(request.modelPath)
    // What the engine says of itself is compared with what was asked, and its counters are read around every block.
    values[.metricsRoute] = .bool(true)
    values[.slotsRoute] = .bool(true)
    values[.threads] = .int(threadCount)
    values[.batchThreads] = .int(readingThreads)
    try setSlots(knobs, request)
    try setBatches(knobs)
    try setCache(knobs)
    if try knobs.bool(.slotStore) == true {
      // A saved slot is of one model and one pair of cache types.
      let types = [LlamaCppOption.keyType, .valueType].map { option -> String in
        if case .text(let type) = values[option] { type.lowercased() } else { "f16" }
      }
      values[.slotDirectory] = .text("\(slotDirectory)/\(request.model.id)-\(types[0])-\(types[1])")
    }
    try setSpeculation(knobs, request, readingThreads: readingThreads)
    try setDevices(knobs)
  }

  /// The engine divides its context among its slots; ours is a figure for each slot, so that more slots do not mean
  /// shorter prompts.
  private mutating func setSlots(_ knobs: KnobReader, _ request: LaunchRequest) throws(ApusError) {
    let slots = try knobs.int(.slotCount, in: 1...256)
    if let slots { values[.slots] = .int(slots) }
    let longest = request.model.contextLength
    if let context = try request.fittingContextTokens() {
      values[.context] = .int(context * (slots ?? 1))
    } else if let slots, slots > 1, longest > 0 {
      values[.context] = .int(longest * slots)
    }
  }

  private mutating func setBatches(_ knobs: KnobReader) throws(ApusError) {
    if let batch = try knobs.int(.batchTokens, in: 1...65536) { values[.batch] = .int(batch) }
    if let micro = try knobs.int(.microBatchTokens, in: 1...65536) { values[.microBatch] = .int(micro) }
  }

  private mutating func setCache(_ knobs: KnobReader) throws(ApusError) {
    if let keeps = try knobs.bool(.prefixCaching) {
      values[.keepsPrefix] = .bool(keeps)
      if !keeps { values[.hostCacheMiB] = .int(0) }
    }
    if let size = try knobs.int(.hostCacheMiB, in: 0...1 << 20) { values[.hostCacheMiB] = .int(size) }
    let types = ["f16", "q8_0", "q4_0"]
    if let keys = try knobs.text(.keyCacheType, oneOf: types) { values[.keyType] = .text(keys.uppercased()) }
    if let cached = try knobs.text(.valueCacheType, oneOf: types) { values[.valueType] = .text(cached.uppercased()) }
    if let flash = try knobs.bool(.flashAttention) { values[.flashAttention] = .text(flash ? "ENABLED" : "DISABLED") }
  }

  /// What each kind of speculation is called in the engine.
  static let kinds: [String: String] = [
    "draft-model": "DRAFT_SIMPLE", "eagle": "DRAFT_EAGLE3", "mtp": "DRAFT_MTP", "n-gram": "NGRAM_SIMPLE",
    "n-gram-map": "NGRAM_MAP_K", "n-gram-cache": "NGRAM_CACHE",
  ]

  private mutating func setSpeculation(
    _ knobs: KnobReader, _ request: LaunchRequest, readingThreads: Int
  ) throws(ApusError) {
    let kind = try knobs.text(.speculation, oneOf: Self.kinds.keys.sorted())
    let draftTokens = try knobs.int(.draftTokens, in: 1...64)
    let ngramSize = try knobs.int(.ngramSize, in: 1...64)
    let leastProbability = try knobs.double(.draftMinProbability, in: 0...1)
    _ = try knobs.text(.draftModel)
    guard let kind, let word = Self.kinds[kind] else { return }
    values[.speculation] = .list([word])
    if kind == "draft-model" || kind == "eagle" {
      values[.draftModel] = .text(try request.draftPath(for: kind))
      values[.draftThreads] = .int(threadCount)
      values[.draftBatchThreads] = .int(readingThreads)
    }
    let (size, tokens): (LlamaCppOption?, LlamaCppOption) =
      switch kind {
      case "n-gram": (.ngramSize, .ngramTokens)
      case "n-gram-map": (.ngramMapSize, .ngramMapTokens)
      default: (nil, .draftTokens)
      }
    if let size, let ngramSize { values[size] = .int(ngramSize) }
    if let draftTokens { values[tokens] = .int(draftTokens) }
    if let leastProbability { values[.draftMinProbability] = .double(leastProbability) }
  }

  private mutating func setDevices(_ knobs: KnobReader) throws(ApusError) {
    if let layers = try knobs.int(.gpuLayers, in: 0...4096) { values[.gpuLayers] = .int(layers) }
    if let split = try knobs.text(
      .tensorSplit, matching: /[0-9]+(?:\.[0-9]+)?(?:,[0-9]+(?:\.[0-9]+)?)*/, "shares such as 3,1")
    {
      values[.tensorSplit] = .text(split)
    }
    if let layers = try knobs.int(.expertCPULayers, in: 0...4096) { values[.expertCPULayers] = .int(layers) }
    if let overrides = try knobs.text(
      .tensorOverrides, matching: /[^=,]+=[A-Za-z0-9_]+(?:,[^=,]+=[A-Za-z0-9_]+)*/, "REGEX=DEVICE, several with commas")
    {
      values[.tensorOverrides] = .text(overrides)
    }
    if let servers = try knobs.text(
      .rpcServers, matching: /[A-Za-z0-9._-]+:[0-9]{1,5}(?:,[A-Za-z0-9._-]+:[0-9]{1,5})*/,
      "HOST:PORT, several with commas")
    {
      values[.rpcServers] = .text(servers)
    }
  }
}
