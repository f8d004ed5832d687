public import Serving

/// Computes with fewer threads than the worker has cores, or with fewer only while tokens are written.
///
/// Worth a trial where cores share execution units (hyper-threads) or a memory bus that fewer threads fill: measured
/// on two such cores, one thread was as fast as two. Reading a prompt is arithmetic, which more threads may still help
/// where writing is not. All cores is every engine's default here, so it is no setting.
public struct ThreadCount: AccelerationMethod {
  static let methodName = MethodName("thread-count")
  /// Prompts so short that reading them is a small share of a request; chosen.
  static let shortestPrompt = 512

  public let name = methodName
  public let summary =
    "Computes with fewer threads than cores, in all or only while writing (llama.cpp --threads, --threads-batch)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.threadCount, .batchThreadCount]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let cores = context.hardware.coreCount
    guard cores > 1 else { return [.refused("the worker has one core")] }
    // Half of them first: on hyper-threaded machines that is one for each real core.
    let fewer = cores / 2 > 1 ? [cores / 2, 1] : [1]
    var settings = fewer.map { MethodSetting([.threadCount: .int($0)]) }
    if context.abilities.knobs.contains(.batchThreadCount),
      context.workload.promptTokens.upperBound >= Self.shortestPrompt
    {
      settings.append(MethodSetting([.threadCount: .int(fewer[0]), .batchThreadCount: .int(cores)]))
    }
    return settings
  }
}
