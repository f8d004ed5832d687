import Glibc

/// The process of this machine that listens on a TCP port, read from /proc.
///
/// Blocks for some milliseconds: it looks at the descriptors of every process it may see.
public struct ListeningProcess: Hashable, Sendable {
  public let processID: Int32
  /// When it started, in ticks since boot: a process number may be taken again.
  private let startTicks: Int

  /// Programs that listen in place of the server, whose CPU time says nothing about it.
  static let forwarders: Set<String> = [
    "ssh", "sshd", "docker-proxy", "rootlessport", "slirp4netns", "pasta", "conmon", "kubectl", "socat", "nginx",
    "haproxy", "envoy", "caddy", "traefik", "systemd",
  ]

  /// Nil when nobody listens on the loopback or on all addresses with this port, when the process is not ours to see,
  /// or when it only forwards.
  public init?(port: UInt16) {
    let holders = Self.holders(of: port)
    // Workers of one server share its socket; the first of them started the others.
    let first = holders.sorted().first { !holders.contains(ProcFile.status(of: $0)?.parent ?? 0) }
    guard let first, !Self.forwarders.contains(ProcFile.name(of: first)), let status = ProcFile.status(of: first)
    else { return nil }
    processID = first
    startTicks = status.startTicks
  }

  /// The processes that listen on the loopback or on all addresses with this port, as far as we may see. A process and
  /// its children may share the socket.
  static func holders(of port: UInt16) -> Set<Int32> {
    var sockets: Set<String> = []
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
      sockets.formUnion(listeningSockets(ProcFile.text(table), port: port))
    }
    guard !sockets.isEmpty else { return [] }
    return Set(
      ProcFile.numbers(in: "/proc").filter { process in
        let folder = "/proc/\(process)/fd"
        return ProcFile.numbers(in: folder).contains { sockets.contains(ProcFile.link("\(folder)/\($0)")) }
      })
  }

  /// What the process and all below it have used since they started; nil when it is gone.
  public func usage() -> EngineUsage? {
    guard ProcFile.status(of: processID)?.startTicks == startTicks else { return nil }
    let tree = ProcessTree(of: processID)
    return EngineUsage(
      cpuSeconds: tree.cpuSeconds(), peakMemoryBytes: tree.peakMemoryBytes(),
      acceleratorMemoryBytes: AcceleratorMemory.here?.bytes(of: Set(tree.descendants + [processID])))
  }

  /// Links that descriptors of listening sockets have, such as `socket:[4711]` (proc_net(5)): state 0A, on the loopback
  /// or on all addresses.
  static func listeningSockets(_ table: String, port: UInt16) -> [String] {
    table.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count > 9, words[3] == "0A" else { return nil }
      let address = words[1].split(separator: ":")
      guard address.count == 2, UInt16(address[1], radix: 16) == port else { return nil }
      let isAny = address[0].allSatisfy { $0 == "0" }
      // 127.0.0.0/8 in the machine's byte order; ::1; and 127.0.0.0/8 written as IPv6.
      let isLoopback = address[0].count == 8 ? address[0].hasSuffix("7F") : address[0].hasSuffix("01000000")
      return isAny || isLoopback ? "socket:[\(words[9])]" : nil
    }
  }
}
