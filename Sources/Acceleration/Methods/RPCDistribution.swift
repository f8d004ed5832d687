public import Serving

/// Gives layers to other nodes over the network: for models that no node can hold alone.
///
/// Which nodes offer their memory is their owner's to say, in the worker's option `rpc_servers`; and the engine must be one
/// that was built with RPC, which `llamacpp-native` is.
public struct RPCDistribution: AccelerationMethod {
  static let methodName = MethodName("rpc-distribution")

  public let name = methodName
  public let summary = "Gives layers to other nodes over the network (llama.cpp --rpc, ggml-rpc-server)."
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.rpcServers]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    guard !context.rpcServers.isEmpty else {
      return [
        .refused("no other node offers its memory with ggml-rpc-server: the worker's option rpc_servers names none")
      ]
    }
    return [MethodSetting([.rpcServers: .text(context.rpcServers.joined(separator: ","))])]
  }
}
