import Foundation
import Serving

/// A workload as a person writes it in YAML. Lengths are `N` or `LOW-HIGH` tokens.
struct WorkloadFile: Decodable {
  var name: String
  var promptTokens: String
  var outputTokens: String
  var concurrency: Int?
  var arrivalRateRPS: Double?
  var sharedPrefixShare: Double?
  var repetitiveness: Double?
  var requests: Int?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case name, concurrency, repetitiveness, requests
    case promptTokens = "prompt_tokens"
    case outputTokens = "output_tokens"
    case arrivalRateRPS = "arrival_rate_rps"
    case sharedPrefixShare = "shared_prefix_share"
  }

  static func read(path: String) throws(ApusError) -> Workload {
    let file: WorkloadFile = try YAMLFile.read(
      path, as: "a workload", keys: ["": CodingKeys.allCases],
      advice: "it needs name, prompt_tokens and output_tokens, such as `prompt_tokens: 64-128`")
    func range(_ text: String, _ key: String) throws(ApusError) -> ClosedRange<Int> {
      let ends = text.split(separator: "-").map { Int($0.trimmingCharacters(in: .whitespaces)) }
      guard let low = ends.first ?? nil, let high = ends.last ?? nil, ends.count <= 2, low >= 1, high >= low,
        high <= 10_000_000
      else {
        throw ApusError(.badInput, "\(key): \(text) in \(path) is not a length", advice: "write N or LOW-HIGH tokens")
      }
      return low...high
    }
    func share(_ value: Double?, _ key: String) throws(ApusError) -> Double {
      try NumberRange.check(key, value ?? 0, 0...1, in: path)
      return value ?? 0
    }
    func positive(_ value: Int?, _ key: String) throws(ApusError) -> Int? {
      if let value { try NumberRange.check(key, value, 1...100_000, in: path) }
      return value
    }
    if let rate = file.arrivalRateRPS, !(rate > 0 && rate.isFinite) {
      throw ApusError(.badInput, "arrival_rate_rps: \(rate) in \(path) is not greater than zero")
    }
    let concurrency = try positive(file.concurrency, "concurrency") ?? 1
    return Workload(
      name: file.name, promptTokens: try range(file.promptTokens, "prompt_tokens"),
      outputTokens: try range(file.outputTokens, "output_tokens"), concurrency: concurrency,
      arrivalRate: file.arrivalRateRPS, sharedPrefixShare: try share(file.sharedPrefixShare, "shared_prefix_share"),
      repetitiveness: try share(file.repetitiveness, "repetitiveness"),
      requestCount: try positive(file.requests, "requests") ?? max(2, concurrency))
  }
}
