import CMessages
import Serving

// Models and pieces of their files in Schemas/messages.proto.

extension ModelProfile: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ModelProfile>) { apus__model_profile__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ModelProfile>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.name = try arena.text(name)
    c.pointee.architecture = try arena.text(architecture)
    c.pointee.parameter_count = try arena.count(parameterCount, "ModelProfile.parameter_count")
    c.pointee.active_parameter_count = try arena.count(activeParameterCount, "ModelProfile.active_parameter_count")
    c.pointee.layer_count = try arena.count(layerCount, "ModelProfile.layer_count")
    c.pointee.hidden_size = try arena.count(hiddenSize, "ModelProfile.hidden_size")
    c.pointee.head_count = try arena.count(headCount, "ModelProfile.head_count")
    c.pointee.key_value_head_count = try arena.count(keyValueHeadCount, "ModelProfile.key_value_head_count")
    c.pointee.head_size = try arena.count(headSize, "ModelProfile.head_size")
    c.pointee.feed_forward_size = try arena.count(feedForwardSize, "ModelProfile.feed_forward_size")
    c.pointee.expert_count = try arena.count(expertCount, "ModelProfile.expert_count")
    c.pointee.experts_per_token = try arena.count(expertsPerToken, "ModelProfile.experts_per_token")
    c.pointee.vocabulary_size = try arena.count(vocabularySize, "ModelProfile.vocabulary_size")
    c.pointee.context_length = try arena.count(contextLength, "ModelProfile.context_length")
    c.pointee.weight_type = try arena.text(weightType)
    c.pointee.weight_bytes = try arena.count(weightBytes, "ModelProfile.weight_bytes")
    c.pointee.active_weight_bytes = try arena.count(activeWeightBytes, "ModelProfile.active_weight_bytes")
    c.pointee.vocabulary_fingerprint = try arena.text(vocabularyFingerprint)
    c.pointee.variant_group = try arena.text(variantGroup)
    c.pointee.format = try arena.text(format == .gguf ? "" : format.rawValue)
    c.pointee.mtp_layer_count = try arena.count(mtpLayerCount, "ModelProfile.mtp_layer_count")
    c.pointee.eagle_version = try arena.count(eagleVersion, "ModelProfile.eagle_version")
    c.pointee.takes_tools =
      switch takesTools {
      case nil: APUS__TOOL_TEMPLATE__TOOL_TEMPLATE_UNKNOWN
      case false?: APUS__TOOL_TEMPLATE__TOOL_TEMPLATE_WITHOUT
      case true?: APUS__TOOL_TEMPLATE__TOOL_TEMPLATE_WITH
      }
  }

  init(reading c: UnsafePointer<Apus__ModelProfile>) throws(CodecError) {
    self.init(
      id: try Wire.id(c.pointee.id, "ModelProfile.id"),
      name: try Wire.text(c.pointee.name, "ModelProfile.name"),
      architecture: try Wire.text(c.pointee.architecture, "ModelProfile.architecture"),
      parameterCount: try Wire.count(c.pointee.parameter_count, "ModelProfile.parameter_count"),
      activeParameterCount: try Wire.count(c.pointee.active_parameter_count, "ModelProfile.active_parameter_count"),
      layerCount: try Wire.count(c.pointee.layer_count, "ModelProfile.layer_count"),
      hiddenSize: try Wire.count(c.pointee.hidden_size, "ModelProfile.hidden_size"),
      headCount: try Wire.count(c.pointee.head_count, "ModelProfile.head_count"),
      keyValueHeadCount: try Wire.count(c.pointee.key_value_head_count, "ModelProfile.key_value_head_count"),
      headSize: try Wire.count(c.pointee.head_size, "ModelProfile.head_size"),
      feedForwardSize: try Wire.count(c.pointee.feed_forward_size, "ModelProfile.feed_forward_size"),
      expertCount: try Wire.count(c.pointee.expert_count, "ModelProfile.expert_count"),
      expertsPerToken: try Wire.count(c.pointee.experts_per_token, "ModelProfile.experts_per_token"),
      vocabularySize: try Wire.count(c.pointee.vocabulary_size, "ModelProfile.vocabulary_size"),
      contextLength: try Wire.count(c.pointee.context_length, "ModelProfile.context_length"),
      weightType: try Wire.text(c.pointee.weight_type, "ModelProfile.weight_type"),
      weightBytes: try Wire.count(c.pointee.weight_bytes, "ModelProfile.weight_bytes"),
      activeWeightBytes: try Wire.count(c.pointee.active_weight_bytes, "ModelProfile.active_weight_bytes"),
      vocabularyFingerprint: try Wire.text(c.pointee.vocabulary_fingerprint, "ModelProfile.vocabulary_fingerprint"),
      variantGroup: try Wire.text(c.pointee.variant_group, "ModelProfile.variant_group"),
      format: try Self.format(try Wire.text(c.pointee.format, "ModelProfile.format")),
      mtpLayerCount: try Wire.count(c.pointee.mtp_layer_count, "ModelProfile.mtp_layer_count"),
      eagleVersion: try Wire.count(c.pointee.eagle_version, "ModelProfile.eagle_version"),
      takesTools: Self.takesTools(c.pointee.takes_tools))
  }

  private static func takesTools(_ template: Apus__ToolTemplate) -> Bool? {
    switch template {
    case APUS__TOOL_TEMPLATE__TOOL_TEMPLATE_WITHOUT: false
    case APUS__TOOL_TEMPLATE__TOOL_TEMPLATE_WITH: true
    default: nil
    }
  }

  private static func format(_ text: String) throws(CodecError) -> ModelFormat {
    if text.isEmpty { return .gguf }
    guard let format = ModelFormat(rawValue: text), format != .gguf else {
      throw .invalid(field: "ModelProfile.format", problem: "is \(text.prefix(40)), which no engine here loads")
    }
    return format
  }
}

extension ModelChunk: WireValue {
  /// Most bytes of a file in one message.
  static let mostBytes = 1 << 20

  static func initialize(_ c: UnsafeMutablePointer<Apus__ModelChunk>) { apus__model_chunk__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ModelChunk>, _ arena: Arena) throws(CodecError) {
    try Self.check(size: bytes.count)
    c.pointee.model = try arena.text(model)
    c.pointee.name = try arena.text(name)
    c.pointee.total_bytes = try arena.count(totalBytes, "ModelChunk.total_bytes")
    c.pointee.offset = try arena.count(offset, "ModelChunk.offset")
    c.pointee.data = try arena.bytes(bytes)
  }

  init(reading c: UnsafePointer<Apus__ModelChunk>) throws(CodecError) {
    try Self.check(size: c.pointee.data.len)
    self.init(
      model: try Wire.id(c.pointee.model, "ModelChunk.model"),
      name: try Wire.text(c.pointee.name, "ModelChunk.name"),
      totalBytes: try Wire.count(c.pointee.total_bytes, "ModelChunk.total_bytes"),
      offset: try Wire.count(c.pointee.offset, "ModelChunk.offset"),
      bytes: Wire.bytes(c.pointee.data))
  }

  private static func check(size: Int) throws(CodecError) {
    guard size <= mostBytes else {
      throw .invalid(field: "ModelChunk.data", problem: "has \(size) bytes, more than 1 MiB")
    }
  }
}

extension ModelOffset: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ModelOffset>) { apus__model_offset__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ModelOffset>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.offset = try arena.count(offset, "ModelOffset.offset")
    c.pointee.is_complete = isComplete ? 1 : 0
    c.pointee.refusal = try arena.text(refusal)
  }

  init(reading c: UnsafePointer<Apus__ModelOffset>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "ModelOffset.model"),
      offset: try Wire.count(c.pointee.offset, "ModelOffset.offset"),
      isComplete: c.pointee.is_complete != 0,
      refusal: try Wire.text(c.pointee.refusal, "ModelOffset.refusal"))
  }
}
