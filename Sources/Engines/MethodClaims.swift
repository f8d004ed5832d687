import Serving

/// What an adapter says of every method: what was run, what was only compared with a package's own options, and why the
/// rest cannot be had.
struct MethodClaims: Sendable {
  private var table: [MethodName: MethodSupport] = [:]
  private let otherwise: String

  /// - Parameters:
  ///   - package: what the options of `checked` were compared with.
  ///   - otherwise: why a method of none of these cannot be had.
  init(
    works: [String] = [], checked: [String], against package: String, absences: [String: String], otherwise: String
  ) {
    self.otherwise = otherwise
    for name in works { claim(name, .works) }
    for name in checked { claim(name, .flagChecked(against: package)) }
    for (name, reason) in absences { claim(name, .notHere(reason: reason)) }
  }

  private mutating func claim(_ name: String, _ support: MethodSupport) {
    let before = table.updateValue(support, forKey: MethodName(name))
    precondition(before == nil, "two claims about \(name)")
  }

  subscript(method: MethodName) -> MethodSupport { table[method] ?? .notHere(reason: otherwise) }

  /// What no engine has that computes on GPUs alone.
  static let absencesOnGPUs = [
    "thread-count": "it computes on GPUs", "thread-affinity": "it computes on GPUs",
    "instruction-set-build": "it computes on GPUs", "gpu-offload": "all layers are on the GPUs",
    "tensor-split": "tensor parallelism splits evenly",
    "slot-restore": "it keeps prefixes in its own cache, not on disk",
  ]
}
