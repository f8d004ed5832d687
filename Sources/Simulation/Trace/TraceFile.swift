public import Foundation
import History
public import Serving

/// Reads traces as they are published:
/// - CSV with a header: arrival (`Timestamp`, `TIMESTAMP`, `arrived_at`, `seconds`), prompt tokens (`Request tokens`,
///   `ContextTokens`, `num_prefill_tokens`, `input_length`, `prompt_tokens`) and output tokens (`Response tokens`,
///   `GeneratedTokens`, `num_decode_tokens`, `output_length`, `output_tokens`), as BurstGPT, the Azure LLM traces and
///   Vidur have them; and, where they are there, `Model`, `client`, `Session ID` or `session`, and `hash_ids`;
/// - JSON lines with `timestamp` (milliseconds), `input_length`, `output_length` and `hash_ids`, as Mooncake has them.
///
/// An arrival is a number of seconds or a date with a time. `hash_ids` name blocks of 512 tokens that prompts share.
public enum TraceFile {
  static let blockTokens = 512
  private static let mostTokens = 1 << 20

  /// - Throws: `badInput` with the line for anything that is no such trace.
  public static func read(_ data: Data, named name: String) throws(ApusError) -> [TraceRequest] {
    let isJSON = data.first { ![UInt8(ascii: " "), UInt8(ascii: "\n")].contains($0) } == UInt8(ascii: "{")
    var requests = isJSON ? try readJSON(data, name) : try readCSV(data, name)
    guard !requests.isEmpty else {
      throw ApusError(.badInput, "\(name) has no requests", advice: "give a trace with at least one line")
    }
    requests.sort { $0.seconds < $1.seconds }
    let start = requests[0].seconds
    for place in requests.indices { requests[place].seconds -= start }
    return requests
  }

  // MARK: CSV

  private struct Columns {
    var arrival: Int
    var prompt: Int
    var output: Int
    var model: Int?
    var client: Int?
    var session: Int?
    var hashes: Int?

    init(_ header: [String], _ name: String) throws(ApusError) {
      let names = header.map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
      func find(_ wanted: [String]) -> Int? { names.firstIndex { wanted.contains($0) } }
      func need(_ wanted: [String], _ what: String) throws(ApusError) -> Int {
        guard let place = find(wanted) else {
          throw ApusError(
            .badInput, "\(name) has no column for the \(what); it has: \(header.joined(separator: ", "))",
            advice: "name it one of: \(wanted.joined(separator: ", "))")
        }
        return place
      }
      arrival = try need(["timestamp", "arrived_at", "seconds"], "arrival")
      prompt = try need(
        ["request tokens", "contexttokens", "num_prefill_tokens", "input_length", "prompt_tokens"], "prompt's tokens")
      output = try need(
        ["response tokens", "generatedtokens", "num_decode_tokens", "output_length", "output_tokens"],
        "output's tokens")
      model = find(["model"])
      client = find(["client"])
      session = find(["session id", "session"])
      hashes = find(["hash_ids"])
    }
  }

  private static func readCSV(_ data: Data, _ name: String) throws(ApusError) -> [TraceRequest] {
    var reader = CSVReader()
    var records = reader.consume(data)
    if let last = reader.finish() { records.append(last) }
    guard let header = records.first, case .success(let titles) = header.fields else {
      throw ApusError(.badInput, "\(name) has no header line", advice: "give CSV whose first line names its columns")
    }
    let columns = try Columns(titles, name)
    var models: [String: Int] = [:]
    var requests: [TraceRequest] = []
    requests.reserveCapacity(records.count)
    for record in records.dropFirst() {
      let fields: [String]
      switch record.fields {
      case .success(let read): fields = read
      case .failure(let fault): throw fail(name, record.line, fault.reason)
      }
      guard fields.count == titles.count else {
        throw fail(name, record.line, "has \(fields.count) fields where the header has \(titles.count)")
      }
      guard let seconds = seconds(fields[columns.arrival]) else {
        throw fail(name, record.line, "has the arrival \(fields[columns.arrival]), no number or date")
      }
      let prompt = try tokens(fields[columns.prompt], name, record.line)
      let output = try tokens(fields[columns.output], name, record.line)
      // BurstGPT notes requests that failed with no output: nothing was run for them.
      guard output > 0 else { continue }
      let hashes = columns.hashes.map { fields[$0].split { !$0.isNumber }.compactMap { UInt64($0) } } ?? []
      let model = columns.model.map { fields[$0] } ?? ""
      requests.append(
        TraceRequest(
          seconds: seconds, prompt: segments(hashes, tokens: max(1, prompt), unique: requests.count),
          outputTokens: output, model: models[model, default: models.count],
          client: columns.client.map { fields[$0] } ?? "client", session: columns.session.map { fields[$0] }))
      if models[model] == nil { models[model] = models.count }
    }
    return requests
  }

  private static func fail(_ name: String, _ line: Int, _ reason: String) -> ApusError {
    ApusError(.badInput, "\(name), line \(line) \(reason)", advice: "mend or remove the line")
  }

  private static func tokens(_ text: String, _ name: String, _ line: Int) throws(ApusError) -> Int {
    guard let number = Double(text.trimmingCharacters(in: .whitespaces)), (0...Double(mostTokens)).contains(number)
    else { throw fail(name, line, "has \(text) tokens, no number from 0 to \(mostTokens)") }
    return Int(number)
  }

  /// `12.5`, or `2023-11-16 18:15:46.6805900` as seconds since 1970.
  static func seconds(_ text: String) -> Double? {
    let text = text.trimmingCharacters(in: .whitespaces)
    if let number = Double(text) { return number.isFinite && number >= 0 && number <= 1e12 ? number : nil }
    let parts = text.split { "- T:Z+".contains($0) }
    guard parts.count >= 6, let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
      let hour = Double(parts[3]), let minute = Double(parts[4]), let second = Double(parts[5]),
      (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day), (0...24).contains(hour),
      (0...60).contains(minute), (0...61).contains(second)
    else { return nil }
    // Days since 1970 of a civil date (Hinnant).
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    return Double(days) * 86_400 + hour * 3600 + minute * 60 + second
  }

  /// Shared blocks first; what they leave is the request's own.
  private static func segments(_ hashes: [UInt64], tokens: Int, unique: Int) -> [TraceRequest.Segment] {
    var left = tokens
    var segments: [TraceRequest.Segment] = []
    for hash in hashes where left > 0 {
      segments.append(TraceRequest.Segment(source: hash &* 0x9E37_79B1, tokens: min(blockTokens, left)))
      left -= min(blockTokens, left)
    }
    if left > 0 { segments.append(TraceRequest.Segment(source: UInt64(unique) &+ 1 << 40, tokens: left)) }
    return segments
  }

  // MARK: JSON lines

  private struct JSONRequest: Decodable {
    var timestamp: Double
    var inputLength: Int
    var outputLength: Int
    var hashIDs: [UInt64]?

    enum CodingKeys: String, CodingKey {
      case timestamp
      case inputLength = "input_length"
      case outputLength = "output_length"
      case hashIDs = "hash_ids"
    }
  }

  private static func readJSON(_ data: Data, _ name: String) throws(ApusError) -> [TraceRequest] {
    let decoder = JSONDecoder()
    var requests: [TraceRequest] = []
    for (place, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
      guard let read = try? decoder.decode(JSONRequest.self, from: Data(line)),
        (0...1e15).contains(read.timestamp), (0...mostTokens).contains(read.inputLength),
        (0...mostTokens).contains(read.outputLength)
      else { throw fail(name, place + 1, "is no request with timestamp, input_length and output_length") }
      guard read.outputLength > 0 else { continue }
      requests.append(
        TraceRequest(
          seconds: read.timestamp / 1000,
          prompt: segments(read.hashIDs ?? [], tokens: max(1, read.inputLength), unique: requests.count),
          outputTokens: read.outputLength))
    }
    return requests
  }
}
