import Serving

/// A CSV without a header: rows are layers, columns experts. Also what numpy.savetxt writes with `delimiter=","`.
struct LoadTableRecording: RoutingImporter {
  let name = "csv"
  let summary = "CSV without a header, a row for each layer, a column for each expert"

  func recording(_ file: RecordingFile) throws(ApusError) -> RoutingRecording? {
    guard file.tree == nil, !file.bytes.contains(0) else { return nil }
    var layers: [[Double]] = []
    let lines = String(decoding: file.bytes, as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
      var row: [Double] = []
      for (column, cell) in line.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
        let word = cell.drop(while: \.isWhitespace)
        guard let value = Double(word.prefix { !$0.isWhitespace }) else {
          throw ApusError(
            .badInput, "line \(number + 1), column \(column + 1): \u{201C}\(cell.prefix(40))\u{201D} is not a number",
            advice: "one row for each layer, one count for each expert, no header")
        }
        row.append(value)
      }
      layers.append(row)
    }
    return .load(try ExpertLoad(layers))
  }
}
