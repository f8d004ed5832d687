import Serving

/// Makes the identifiers a coordinator hands out: unique over restarts, short, and cheap (one string each).
///
/// A random word for each start and a count: `job-k3f9x0a1qz7m-42`.
struct IdentifierSource: Sendable {
  /// `k3f9x0a1qz7m-`.
  private let start: String
  private var count: UInt64 = 0

  init(using generator: inout some RandomNumberGenerator) {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    start = String((0..<12).map { _ in alphabet.randomElement(using: &generator)! }) + "-"
  }

  mutating func next<ID: Identifier>(_ prefix: String, as type: ID.Type = ID.self) -> ID {
    ID(name(prefix, separator: UInt8(ascii: "-")))
  }

  /// A lease names its job, so that a coordinator that restarted knows what a worker still works on.
  mutating func lease(for job: JobID) -> LeaseID {
    LeaseID(name(job.rawValue, separator: UInt8(ascii: ":")))
  }

  /// Written into its own memory at once: an interpolation grows the text at each part.
  private mutating func name(_ head: String, separator: UInt8) -> String {
    count += 1
    var (head, start, number) = (head, start, String(count))
    return head.withUTF8 { head in
      start.withUTF8 { start in
        number.withUTF8 { number in
          String(unsafeUninitializedCapacity: head.count + 1 + start.count + number.count) { buffer in
            let place = head.count + 1
            _ = buffer.update(fromContentsOf: head)
            buffer[head.count] = separator
            _ = buffer[place...].update(fromContentsOf: start)
            _ = buffer[(place + start.count)...].update(fromContentsOf: number)
            return buffer.count
          }
        }
      }
    }
  }
}

extension LeaseID {
  /// The job this lease was given for; nil for a trial's lease.
  var job: JobID? {
    guard let colon = rawValue.firstIndex(of: ":") else { return nil }
    return JobID(String(rawValue[..<colon]))
  }
}
