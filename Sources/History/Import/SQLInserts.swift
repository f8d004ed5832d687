/// Reads `INSERT INTO name (columns) VALUES ('...', ...);` lines, one row each.
enum SQLInserts {
  static func rows(_ bytes: [UInt8]) -> [ImportRows<ImportRecord>.Entry] {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    return lines.enumerated().compactMap { number, line in
      guard line.prefix(12).uppercased().hasPrefix("INSERT INTO ") else { return nil }
      do throws(RowFault) {
        return (number + 1, .success(try record(line)))
      } catch {
        return (number + 1, .failure(error))
      }
    }
  }

  private static func record(_ line: Substring) throws(RowFault) -> ImportRecord {
    guard let values = line.firstRange(of: ") VALUES ("), let opening = line.firstIndex(of: "("),
      opening < values.lowerBound
    else { throw RowFault("no `(columns) VALUES (...)`") }
    let columns = line[line.index(after: opening)..<values.lowerBound].split(separator: ",").map { name in
      String(name.drop { $0 == " " })
    }
    let fields = try list(line[values.upperBound...])
    guard columns.count == fields.count else { throw RowFault("\(fields.count) values for \(columns.count) columns") }
    return ImportRecord(Dictionary(zip(columns, fields), uniquingKeysWith: { first, _ in first }))
  }

  /// Values up to the closing bracket: quoted, with quotes inside doubled, or bare.
  private static func list(_ text: Substring) throws(RowFault) -> [String] {
    var (fields, field): ([String], String) = ([], "")
    var (isQuoted, wasQuoted) = (false, false)
    var rest = text
    while let character = rest.popFirst() {
      switch character {
      case "'" where isQuoted && rest.first == "'":
        field.append("'")
        rest.removeFirst()
      case "'":
        guard isQuoted || field.isEmpty else { throw RowFault("a quote within a value") }
        isQuoted.toggle()
        wasQuoted = true
      case "," where !isQuoted, ")" where !isQuoted:
        fields.append(field)
        (field, wasQuoted) = ("", false)
        if character == ")" { return fields }
      case " " where !isQuoted: continue
      default:
        guard isQuoted || !wasQuoted else { throw RowFault("a quote within a value") }
        field.append(character)
      }
    }
    throw RowFault("the values do not end")
  }
}
