import Foundation
import History
import Learning
import Serving

/// A CSV file of measurements, read whole.
enum TidyTableFile {
  private static let mostBytes = 1 << 30

  /// - Throws: a file that cannot be read, is too large, or has a wrong line, with its number.
  static func read(_ path: String) throws -> TidyTable {
    var reader = CSVReader()
    var table: TidyTable?
    var byteCount = 0
    do {
      let file = try ImportFile(path)
      while true {
        let chunk = try file.readPiece()
        if chunk.isEmpty { break }
        byteCount += chunk.count
        guard byteCount <= mostBytes else { throw LearningError("more than \(mostBytes) bytes") }
        for record in reader.consume(chunk) { try add(record, to: &table) }
      }
      if let record = reader.finish() { try add(record, to: &table) }
      guard let table else { throw LearningError("no header line") }
      return table
    } catch let error as LearningError {
      throw LearningError(error.reason, file: path, line: error.line)
    } catch let error as ApusError {
      throw ApusError(.badInput, error.reason, advice: "name a CSV file that exists")
    }
  }

  private static func add(_ record: CSVRecord, to table: inout TidyTable?) throws {
    switch record.fields {
    case .failure(let fault): throw LearningError(fault.reason, line: record.line)
    case .success(let fields):
      if table == nil { table = try TidyTable(columns: fields) } else { try table!.append(fields, line: record.line) }
    }
  }
}
