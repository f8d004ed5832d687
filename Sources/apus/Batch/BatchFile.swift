import Engines
import Serving

/// A line of a batch: what it asks, or what is wrong with it.
struct BatchLine {
  var number: Int
  /// Of its bytes, in hexadecimal.
  var digest: String
  var request: Result<BatchRequest, BatchFault>
}

/// Reads a batch file line by line, any number of times with the same outcome.
///
/// Memory grows by some forty bytes a line: what tells whether a `custom_id` came before.
struct BatchFile {
  private var lines: BatchLines
  /// Where each `custom_id` came first, by a part of its digest that no two share in files of any size.
  private var firstLines: [UInt128: Int] = [:]

  init(_ path: String) throws(ApusError) { lines = try BatchLines(path) }

  mutating func next() throws(ApusError) -> BatchLine? {
    guard let line = try lines.next() else { return nil }
    guard let bytes = line.bytes else {
      return BatchLine(
        number: line.number, digest: SHA256.hexDigest("line \(line.number) is too long"),
        request: .failure(
          BatchFault(
            "it has more than \(BatchLines.longestLineBytes) bytes", advice: "shorten its prompt")))
    }
    let digest = BatchKey.digest(ofLine: bytes)
    do throws(BatchFault) {
      let request = try BatchRequest(bytes)
      try checkIsNew(request.customID, line.number)
      return BatchLine(number: line.number, digest: digest, request: .success(request))
    } catch {
      return BatchLine(number: line.number, digest: digest, request: .failure(error))
    }
  }

  private mutating func checkIsNew(_ customID: String, _ number: Int) throws(BatchFault) {
    let digest = UInt128(SHA256.hexDigest(customID).prefix(32), radix: 16)!
    if let first = firstLines[digest] {
      throw BatchFault(
        "\(customID) is that of line \(first) too", advice: "give each line a custom_id of its own",
        field: "custom_id", customID: customID)
    }
    firstLines[digest] = number
  }
}
