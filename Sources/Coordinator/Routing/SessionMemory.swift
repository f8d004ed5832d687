/// Where the last job of each session ran, bounded in two generations as `PrefixMemory`.
struct SessionMemory: Sendable {
  struct Place: Hashable, Sendable {
    var node: Int
    var engine: UInt64
    /// Of its prompt and its answer.
    var tokens: Int
  }

  private static let generation = 4096

  private var young: [String: Place] = [:]
  private var old: [String: Place] = [:]

  mutating func keep(_ session: String, _ place: Place) {
    if young.count >= Self.generation {
      old = young
      young = [:]
    }
    young[session] = place
  }

  func place(of session: String) -> Place? { young[session] ?? old[session] }
}
