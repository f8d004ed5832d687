/// Where the experts of one token are computed: the replica choice that the hub and every forecast share.
///
/// Experts with one host go there; of several hosts a token takes, with locality, one it goes to anyway, and otherwise one
/// drawn by the planned shares from a hash of the token, so that the same token always takes the same way.
public struct TokenDispatch: Sendable {
  private let shares: [[HostShare]]
  private let dispatch: ReplicaDispatch

  /// - Parameter experts: a hosted layer of a plan.
  public init(_ experts: [[HostShare]], dispatch: ReplicaDispatch) {
    shares = experts
    self.dispatch = dispatch
  }

  /// The host of each of the token's experts, in their order, appended to `hosts`.
  public func route(_ experts: ArraySlice<UInt16>, token: Int, into hosts: inout [Int]) {
    let start = hosts.count
    for expert in experts {
      let shares = shares[Int(expert)]
      hosts.append(shares.count == 1 ? shares[0].host : -1)
    }
    for (place, expert) in experts.enumerated() where hosts[start + place] < 0 {
      let shares = shares[Int(expert)]
      if dispatch == .locality, let known = shares.first(where: { hosts[start...].contains($0.host) }) {
        hosts[start + place] = known.host
      } else {
        hosts[start + place] = Self.draw(shares, token: token, expert: Int(expert))
      }
    }
  }

  private static func draw(_ shares: [HostShare], token: Int, expert: Int) -> Int {
    // SplitMix64's finalizer: neighbouring tokens fall anywhere.
    var mixed = UInt64(bitPattern: Int64(token)) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(expert) &* 0xD1B5_4A32_D192_ED03
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    var rest = Double((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53
    for share in shares {
      rest -= share.weight
      if rest < 0 { return share.host }
    }
    return shares[shares.count - 1].host
  }
}
