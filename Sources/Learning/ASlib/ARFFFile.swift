import Foundation

/// A relation in Weka's attribute-relation file format, dense rows only, as ASlib uses it.
///
/// Keywords in any case, `%` comments, `?` for a missing value, names and values bare or in single or double quotes.
/// Refused with the number of the line: rows of another width than the attributes, unclosed quotes, sparse rows, lines
/// and files beyond the limits.
struct ARFFFile: Sendable {
  struct Row: Sendable {
    var line: Int
    /// nil is a missing value.
    var values: [String?]
  }

  struct Limits {
    var fileBytes = 512 << 20
    var lineBytes = 1 << 20
    var attributeCount = 20_000
    var rowCount = 5_000_000
  }

  let path: String
  private(set) var attributes: [String] = []
  private(set) var rows: [Row] = []

  init(path: String, limits: Limits = Limits()) throws(LearningError) {
    try self.init(contents: Self.read(path, limits.fileBytes), path: path, limits: limits)
  }

  init(contents: [UInt8], path: String, limits: Limits = Limits()) throws(LearningError) {
    self.path = path
    var (line, isData) = (0, false)
    for bytes in contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      line += 1
      guard bytes.count <= limits.lineBytes else { throw fault("a line of more than \(limits.lineBytes) bytes", line) }
      guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("bytes that are no UTF-8", line) }
      let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
      if trimmed.isEmpty || trimmed.hasPrefix("%") { continue }
      if isData {
        guard rows.count < limits.rowCount else { throw fault("more than \(limits.rowCount) rows", line) }
        rows.append(Row(line: line, values: try values(trimmed, line)))
        continue
      }
      guard let keyword = trimmed.split(whereSeparator: { $0.isWhitespace || $0 == "," }).first?.lowercased() else {
        throw fault("`\(trimmed.prefix(40))` before @DATA", line)
      }
      switch keyword {
      case "@relation": continue
      case "@attribute":
        guard attributes.count < limits.attributeCount else {
          throw fault("more than \(limits.attributeCount) attributes", line)
        }
        attributes.append(try attributeName(trimmed.dropFirst(keyword.count), line))
      case "@data":
        guard !attributes.isEmpty else { throw fault("@DATA without any @ATTRIBUTE before it", line) }
        isData = true
      default: throw fault("`\(keyword.prefix(40))` is no ARFF keyword", line)
      }
    }
    guard isData else { throw LearningError("no @DATA section", file: path) }
  }

  /// Place of an attribute, whatever its case.
  func column(_ name: String) throws(LearningError) -> Int {
    if let place = attributes.firstIndex(where: { $0.lowercased() == name.lowercased() }) { return place }
    throw LearningError("no attribute `\(name)`; there are \(attributes.prefix(8).joined(separator: ", "))", file: path)
  }

  /// A number, NaN for a missing value.
  func number(_ row: Row, _ column: Int) throws(LearningError) -> Double {
    guard let text = row.values[column] else { return .nan }
    guard let number = Double(text) else {
      throw fault("`\(text.prefix(40))` in `\(attributes[column])` is no number", row.line)
    }
    return number
  }

  func text(_ row: Row, _ column: Int) throws(LearningError) -> String {
    guard let text = row.values[column] else { throw fault("`\(attributes[column])` is missing", row.line) }
    return text
  }

  func fault(_ reason: String, _ line: Int) -> LearningError { LearningError(reason, file: path, line: line) }

  static func read(_ path: String, _ limit: Int) throws(LearningError) -> [UInt8] {
    do {
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
      guard size <= limit else { throw LearningError("\(size) bytes, more than \(limit)", file: path) }
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch let error as LearningError {
      throw error
    } catch {
      throw LearningError("cannot be read", file: path)
    }
  }

  private func attributeName(_ text: Substring, _ line: Int) throws(LearningError) -> String {
    let rest = text.drop(while: \.isWhitespace)
    guard let first = rest.first else { throw fault("an attribute without a name", line) }
    if first == "'" || first == "\"" {
      guard let end = rest.dropFirst().firstIndex(of: first) else { throw fault("a quote that never ends", line) }
      return String(rest[rest.index(after: rest.startIndex)..<end])
    }
    let name = rest.prefix { !$0.isWhitespace }
    guard rest[name.endIndex...].contains(where: { !$0.isWhitespace }) else {
      throw fault("attribute `\(name.prefix(40))` without a type", line)
    }
    return String(name)
  }

  private func values(_ text: String, _ line: Int) throws(LearningError) -> [String?] {
    guard text.utf8.first != UInt8(ascii: "{") else { throw fault("a sparse row; only dense rows are read", line) }
    var values: [String?] = []
    values.reserveCapacity(attributes.count)
    var field: [UInt8] = []
    var quote: UInt8?
    var wasQuoted = false
    var isEscaped = false
    func end() -> String? {
      let text = String(decoding: field, as: UTF8.self)
      if wasQuoted { return text }
      let bare = text.trimmingCharacters(in: .whitespaces)
      return bare == "?" || bare.isEmpty ? nil : bare
    }
    for byte in text.utf8 {
      if isEscaped {
        field.append(byte)
        isEscaped = false
      } else if let open = quote {
        if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == open {
          quote = nil
        } else {
          field.append(byte)
        }
      } else if byte == UInt8(ascii: ",") {
        values.append(end())
        (field, wasQuoted) = ([], false)
        guard values.count < attributes.count else { break }
      } else if (byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"")) && field.allSatisfy({ $0 == 32 })
        && !wasQuoted
      {
        (quote, wasQuoted, field) = (byte, true, [])
      } else {
        field.append(byte)
      }
    }
    guard quote == nil else { throw fault("a quote that never ends", line) }
    if values.count < attributes.count {
      values.append(end())
    } else {
      throw fault("more than \(attributes.count) values", line)
    }
    guard values.count == attributes.count else {
      throw fault("\(values.count) values for \(attributes.count) attributes", line)
    }
    return values
  }
}
