import Serving

/// The range that a number must keep which a person gave.
enum NumberRange {
  /// - Parameters:
  ///   - name: an option, or the key in the file at `path`.
  /// - Throws: `usage` for an option, `badInput` for a key, naming it, its value and the range.
  static func check(
    _ name: String, _ value: Int, _ range: ClosedRange<Int>, in path: String? = nil
  ) throws(ApusError) {
    guard !range.contains(value) else { return }
    throw fault(name, "\(value)", "\(range.lowerBound)", "\(range.upperBound)", path)
  }

  static func check(
    _ name: String, _ value: Double, _ range: ClosedRange<Double>, in path: String? = nil
  ) throws(ApusError) {
    guard !range.contains(value) else { return }
    throw fault(name, "\(value)", text(range.lowerBound), text(range.upperBound), path)
  }

  private static func fault(
    _ name: String, _ value: String, _ least: String, _ most: String, _ path: String?
  ) -> ApusError {
    let text = path.map { "\(name): \(value) in \($0)" } ?? "\(name) \(value)"
    return ApusError(path == nil ? .usage : .badInput, "\(text) is not between \(least) and \(most)")
  }

  /// Without `.0` and, below a million million, without an exponent.
  private static func text(_ value: Double) -> String {
    value == value.rounded() && value.magnitude < 1e12 ? "\(Int(value))" : "\(value)"
  }
}
