import Engines
import Foundation
import OpenAI
import Serving

/// What all lines of a batch have in common that they do not say themselves.
struct BatchDefaults: Codable {
  /// For lines that do not say. Nil, as the next two, for what `/v1/completions` and `/v1/chat/completions` take then; and
  /// for a seed made of the line.
  var maxTokens: Int?
  var temperature: Double?
  var seed: UInt64?
  var objective: Objective
  var limits: Limits

  func completion(line digest: String) -> CompletionDefaults {
    // Half of what an engine takes: the same line draws the same tokens, and another line others.
    let lineSeed = UInt64(digest.prefix(8), radix: 16).map { $0 & 0x7fff_ffff }
    return CompletionDefaults(
      maxTokens: maxTokens, temperature: temperature, seed: seed ?? lineSeed ?? 0, objective: objective, limits: limits)
  }
}

/// The idempotency key of a line's job: made of the line's bytes, its model's digest and the defaults, so that the same
/// line asked for again, after whatever ended the first run, is the same job.
struct BatchKey: Hashable {
  private static let mark = BatchMark.text

  let text: String

  /// What a line is known by, in hexadecimal.
  static func digest(ofLine bytes: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return String(hash.hexDigest().prefix(32))
  }

  init(line digest: String, model: ModelID, _ defaults: BatchDefaults) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    guard let settings = try? encoder.encode(defaults) else { preconditionFailure("options are always JSON") }
    let rest = SHA256.hexDigest(model.rawValue + String(decoding: settings, as: UTF8.self))
    text = Self.mark + digest + ":" + rest.prefix(16)
  }

  /// The line whose job has this key; nil for the key of no batch.
  static func line(of key: String) -> String? {
    guard key.hasPrefix(mark) else { return nil }
    return key.dropFirst(mark.count).firstIndex(of: ":").map { String(key[..<$0].dropFirst(mark.count)) }
  }
}
