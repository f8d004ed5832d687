/// The sums of an engine's counters and gauges, read from Prometheus' text format (version 0.0.4).
///
/// Labels are not kept: a name's samples are added up, as an engine has one for each of its parts.
package struct PrometheusText: Hashable, Sendable {
  static let byteLimit = 4 << 20
  private static let nameLimit = 4096

  private var sums: [String: Double] = [:]

  /// Lines that are no samples, and values that are no numbers, are left out.
  package init(_ bytes: some BidirectionalCollection<UInt8>) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
      let name = line.prefix { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: " ") }
      var rest = line[name.endIndex...]
      if rest.first == UInt8(ascii: "{") {
        // A label's value may hold a bracket, so the last one counts; what follows it are numbers.
        guard let bracket = rest.lastIndex(of: UInt8(ascii: "}")) else { continue }
        rest = rest[rest.index(after: bracket)...]
      }
      guard let word = rest.split(separator: UInt8(ascii: " ")).first,
        let value = Double(String(decoding: word, as: UTF8.self)), value.isFinite
      else { continue }
      let key = String(decoding: name, as: UTF8.self)
      guard sums[key] != nil || sums.count < Self.nameLimit else { continue }
      sums[key, default: 0] += value
    }
  }

  /// Nil when the engine has no such counter.
  package subscript(name: String) -> Double? { sums[name] }
}
