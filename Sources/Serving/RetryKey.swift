/// The idempotency key of the job that tries another one again, so that asking twice makes one.
///
/// What a client chose, such as a batch's key, stays in front.
public enum RetryKey {
  private static let mark = "/retry:"

  public static func text(of record: JobRecord) -> String {
    let chosen = record.spec.idempotencyKey ?? ""
    let end = chosen.firstRange(of: mark)?.lowerBound ?? chosen.endIndex
    return chosen[..<end] + mark + record.id.rawValue
  }

  /// The job that this one tries again; nil for one that a client submitted.
  public static func original(of record: JobRecord) -> JobID? {
    guard let key = record.spec.idempotencyKey, let range = key.firstRange(of: mark) else { return nil }
    return JobID(String(key[range.upperBound...]))
  }
}
