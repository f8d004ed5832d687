import Acceleration
import Serving

/// The five methods of MetaInf's protocol, as configurations of llama.cpp say them: prefix caching is on unless switched
/// off there, prompts are read in the engine's own steps unless told otherwise, and one slot serves one request at a time.
enum ProtocolMethod: String, CaseIterable {
  case none
  case prefixCaching = "prefix-caching"
  case chunkedPrefill = "chunked-prefill"
  case continuousBatching = "continuous-batching"
  case all

  private static let engines: Set<EngineName> = [EngineName("llamacpp"), EngineName("llamacpp-native")]
  private static let knobs: Set<KnobName> = [
    .prefixCaching, .batchTokens, .microBatchTokens, .chunkedPrefill, .slotCount,
  ]

  /// Nil for other engines, other settings, and two of the three methods together, which are not in the protocol.
  init?(_ configuration: EngineConfiguration) {
    guard Self.engines.contains(configuration.engine), Self.knobs.isSuperset(of: configuration.knobs.keys) else {
      return nil
    }
    let isPrefixCaching = configuration[.prefixCaching]?.boolValue ?? true
    let isChunked =
      configuration[.batchTokens] != nil || configuration[.microBatchTokens] != nil
      || configuration[.chunkedPrefill]?.boolValue == true
    let isBatching = (configuration[.slotCount]?.intValue ?? 1) > 1
    switch (isPrefixCaching, isChunked, isBatching) {
    case (false, false, false): self = .none
    case (true, false, false): self = .prefixCaching
    case (false, true, false): self = .chunkedPrefill
    case (false, false, true): self = .continuousBatching
    case (true, true, true): self = .all
    default: return nil
    }
  }

  /// Which of the three it is made of, as features: `all` has something in common with each.
  var parts: [Float] {
    [Self.prefixCaching, .chunkedPrefill, .continuousBatching].map { self == $0 || self == .all ? 1 : 0 }
  }
  static let partNames = ["prefix_caching", "chunked_prefill", "continuous_batching"]
}
