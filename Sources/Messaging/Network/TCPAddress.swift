import Serving

/// Checks `tcp://HOST:PORT` before libzmq does: it takes a port above 65535 modulo 65536.
enum TCPAddress {
  /// - Parameter mayChoosePort: whether port 0 or `*` lets the system choose.
  static func check(_ address: String, mayChoosePort: Bool) throws(ApusError) {
    let problem: String
    if !address.hasPrefix("tcp://") {
      problem = "does not begin with tcp://"
    } else if let colon = address.lastIndex(of: ":"), colon > address.index(address.startIndex, offsetBy: 5) {
      let host = address[address.index(address.startIndex, offsetBy: 6)..<colon]
      let port = address[address.index(after: colon)...]
      let isPort = (UInt16(port).map { $0 > 0 || mayChoosePort } ?? false) || (mayChoosePort && port == "*")
      if !host.isEmpty && isPort { return }
      problem = host.isEmpty ? "names no host" : "has no port from 1 to 65535"
    } else {
      problem = "has no port"
    }
    throw ApusError(
      .usage, "the address \"\(address.prefix(200))\" \(problem)", advice: "give one such as tcp://127.0.0.1:7700")
  }
}
