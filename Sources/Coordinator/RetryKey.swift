import Serving

/// The idempotency key of the job that tries another one again, so that asking twice makes one.
///
/// What a client chose, such as a batch's key, stays in front.
enum RetryKey {
  private static let mark = "/retry:"

  static func text(of record: JobRecord) -> String {
    let chosen = record.spec.idempotencyKey ?? ""
    let end = chosen.firstRange(of: mark)?.lowerBound ?? chosen.endIndex
    return chosen[..<end] + mark + record.id.rawValue
  }
}
