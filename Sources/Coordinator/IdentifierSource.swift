import Serving

/// Makes the identifiers a coordinator hands out: unique over restarts, short, and cheap (one string each).
///
/// A random word for each start and a count: `job-k3f9x0a1qz7m-42`.
struct IdentifierSource: Sendable {
  private let start: String
  private var count: UInt64 = 0

  init(using generator: inout some RandomNumberGenerator) {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    start = String((0..<12).map { _ in alphabet.randomElement(using: &generator)! })
  }

  mutating func next<ID: Identifier>(_ prefix: String, as type: ID.Type = ID.self) -> ID {
    count += 1
    return ID("\(prefix)-\(start)-\(count)")
  }

  /// A lease names its job, so that a coordinator that restarted knows what a worker still works on.
  mutating func lease(for job: JobID) -> LeaseID {
    count += 1
    return LeaseID("\(job):\(start)-\(count)")
  }
}

extension LeaseID {
  /// The job this lease was given for; nil for a trial's lease.
  var job: JobID? {
    guard let colon = rawValue.firstIndex(of: ":") else { return nil }
    return JobID(String(rawValue[..<colon]))
  }
}
