public import Serving

/// Keeps prefixes that fell out of the engine's cache in main memory.
///
/// It pays where requests come back to a prefix after others took its place. Where nothing is shared, every ended
/// request is copied for nothing: then off is worth a trial, once the copies are large enough to take time.
public struct HostCache: AccelerationMethod {
  static let methodName = MethodName("host-cache")
  /// Requests that share less than this never come back to a prefix.
  static let leastShared = 0.1
  /// A copy of so many bytes takes milliseconds; chosen from the bandwidth of small machines, 10 GB/s.
  static let smallestCopyBytes = 16e6
  static let sizeMiB = 4096

  public let name = methodName
  public let summary =
    "Keeps prefixes that fell out of the cache in main memory, or does not (llama.cpp --cache-ram; vLLM KV offloading)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.hostCacheMiB]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let workload = context.workload
    let on = MethodSetting([.hostCacheMiB: .int(Self.sizeMiB)])
    let off = MethodSetting([.hostCacheMiB: .int(0)])
    let isOnByDefault = (context.abilities.defaults[.hostCacheMiB]?.intValue ?? 0) > 0
    if workload.sharedPrefixShare > Self.leastShared {
      return isOnByDefault
        ? [.refused("requests share a prefix, and the engine keeps prefixes in memory by default")] : [on]
    }
    guard isOnByDefault else { return [.refused("requests share no prefix that could be kept")] }
    let copy = workload.meanPromptTokens * context.model.keyValueBytesPerToken()
    guard copy >= Self.smallestCopyBytes else {
      return [.refused("the copy of a request is \(MemoryEstimate.megabytes(Int(copy))), too small to be felt")]
    }
    return [off]
  }
}
