import Serving

/// Which messages a peer may send: those of its role, and never a coordinator's.
enum MessageDirection {
  /// Why the coordinator does not take this message from a peer of this role; nil when it does.
  static func refusal(of message: Message, from peer: Peer) -> ApusError? {
    switch message {
    case .hello(let hello):
      // Another version's idea of a role may differ; that hello is refused for its version.
      guard hello.version == protocolVersion, hello.role != peer.role else { return nil }
      return wrongRole(peer, "introduce itself as a \(hello.role.rawValue)")
    case .heartbeat, .tokens, .report, .modelOffset, .launchAnswer, .hostingAnswer, .placementReport:
      return peer.role == .worker ? nil : wrongRole(peer, "report work")
    case .request:
      return peer.role == .client ? nil : wrongRole(peer, "make requests")
    case .welcome, .refused, .assignment, .reportStored, .revoke, .modelChunk, .launchQuery, .warmUp, .response:
      return ApusError(.badInput, "\(peer.name) sent a message that only a coordinator sends")
    }
  }

  private static func wrongRole(_ peer: Peer, _ deed: String) -> ApusError {
    ApusError(
      .keyRefused, "the key of \(peer.name) is let in as \(peer.role.rawValue) and may not \(deed)",
      advice:
        "use a key of the other role: apus keys generate NAME --role \(peer.role == .worker ? "client" : "worker")")
  }
}
