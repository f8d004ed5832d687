import Engines
import Foundation
import Messaging
import Serving
import Yams

/// What a person writes for a model, a workload, hardware or a span of time, and what it means.
enum Reference {
  /// A registered name, the start of a model's SHA-256, or the path of a file.
  static func model(_ text: String, _ client: CoordinatorClient) async throws -> ModelProfile {
    guard case .models(let known) = try await client.ask(.listModels) else {
      throw ApusError(.bug, "the coordinator answered a list of models with something else")
    }
    if let named = known.first(where: { $0.profile.name == text }) { return named.profile }
    if text.count >= 8, let byID = known.first(where: { $0.profile.id.rawValue.hasPrefix(text) }) {
      return byID.profile
    }
    if FileManager.default.fileExists(atPath: text) {
      let profile = try ModelReader.profile(path: text, name: nil)
      if let registered = known.first(where: { $0.profile.id == profile.id }) { return registered.profile }
      throw ApusError(
        .badInput, "no worker has the model \(text) (SHA-256 \(profile.id.rawValue.prefix(12))...)",
        advice:
          "copy it to one with `apus model push \(text) --worker NAME`, or add it with `apus model add` where a worker runs"
      )
    }
    let names = known.map(\.profile.name).sorted().joined(separator: ", ")
    throw ApusError(
      .badInput, "there is no model called \(text)",
      advice: names.isEmpty ? "no worker has announced a model yet: see `apus workers`" : "known models: \(names)")
  }

  /// The names of all models, by digest: for tables.
  static func modelNames(_ client: CoordinatorClient) async throws -> [ModelID: String] {
    guard case .models(let known) = try await client.ask(.listModels) else {
      throw ApusError(.bug, "the coordinator answered a list of models with something else")
    }
    return Dictionary(known.map { ($0.profile.id, $0.profile.name) }) { first, _ in first }
  }

  /// A built-in workload's name or the path of a YAML file.
  static func workload(_ text: String) throws -> Workload {
    if let builtIn = Workload.builtIn.first(where: { $0.name == text }) { return builtIn }
    guard FileManager.default.fileExists(atPath: text) else {
      throw ApusError(
        .badInput, "there is no workload called \(text)",
        advice: "use one of \(Workload.builtIn.map(\.name).joined(separator: ", ")) or the path of a YAML file")
    }
    return try WorkloadFile.read(path: text)
  }

  /// `90s`, `5m`, `1h` or plain seconds; greater than zero and at most a day.
  static func seconds(_ text: String, option: String) throws(ApusError) -> Double {
    let scales: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
    let scale = text.last.flatMap { scales[$0] }
    let digits = scale == nil ? text[...] : text.dropLast()
    guard let value = Double(digits), value.isFinite else {
      throw ApusError(.usage, "\(option) \(text) is not a span of time", advice: "write it like 90s, 5m or 1h")
    }
    let seconds = value * (scale ?? 1)
    guard seconds > 0, seconds <= 86_400 else {
      throw ApusError(
        .usage, "\(option) \(text) is not between zero and one day", advice: "give a budget such as 5m")
    }
    return seconds
  }
}

/// A workload as a person writes it in YAML. Lengths are `N` or `LOW-HIGH` tokens.
struct WorkloadFile: Codable {
  var name: String
  var promptTokens: String
  var outputTokens: String
  var concurrency: Int?
  var arrivalRateRPS: Double?
  var sharedPrefixShare: Double?
  var repetitiveness: Double?
  var requests: Int?

  private enum CodingKeys: String, CodingKey {
    case name, concurrency, repetitiveness, requests
    case promptTokens = "prompt_tokens"
    case outputTokens = "output_tokens"
    case arrivalRateRPS = "arrival_rate_rps"
    case sharedPrefixShare = "shared_prefix_share"
  }

  static func read(path: String) throws(ApusError) -> Workload {
    let file: WorkloadFile
    do {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      file = try YAMLDecoder().decode(WorkloadFile.self, from: text)
    } catch {
      throw ApusError(
        .badInput, "\(path) is not a workload: \(error)",
        advice: "it needs name, prompt_tokens and output_tokens, such as `prompt_tokens: 64-128`")
    }
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
      guard let value else { return 0 }
      guard (0...1).contains(value) else {
        throw ApusError(.badInput, "\(key): \(value) in \(path) is not between 0 and 1")
      }
      return value
    }
    func positive(_ value: Int?, _ key: String) throws(ApusError) -> Int? {
      if let value, !(1...100_000).contains(value) {
        throw ApusError(.badInput, "\(key): \(value) in \(path) is not between 1 and 100000")
      }
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

/// A machine nobody has measured, as a person writes it in YAML.
struct HardwareFile: Codable {
  var processor: String?
  var cores: Int
  var memoryGiB: Double
  var memoryBandwidthGBPerS: Double
  var gemmGFLOPS: Double
  var instructionSets: [String]?

  private enum CodingKeys: String, CodingKey {
    case processor, cores
    case memoryGiB = "memory_gib"
    case memoryBandwidthGBPerS = "memory_bandwidth_gb_per_s"
    case gemmGFLOPS = "gemm_gflops"
    case instructionSets = "instruction_sets"
  }

  static func read(path: String) throws(ApusError) -> HardwareProfile {
    do {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let file = try YAMLDecoder().decode(HardwareFile.self, from: text)
      guard file.cores >= 1, file.memoryGiB > 0, file.memoryBandwidthGBPerS > 0, file.gemmGFLOPS > 0 else {
        throw ApusError(.badInput, "cores, memory_gib, memory_bandwidth_gb_per_s and gemm_gflops must be above zero")
      }
      return HardwareProfile(
        machine: MachineID(path), processor: file.processor ?? "unknown", coreCount: file.cores,
        instructionSets: (file.instructionSets ?? []).sorted(), memoryBytes: Int(file.memoryGiB * Double(1 << 30)),
        memoryBandwidth: file.memoryBandwidthGBPerS * 1e9, gemmRate: file.gemmGFLOPS * 1e9)
    } catch let error as ApusError {
      throw error
    } catch {
      throw ApusError(
        .badInput, "\(path) is not a hardware profile: \(error)",
        advice: "it needs cores, memory_gib, memory_bandwidth_gb_per_s and gemm_gflops")
    }
  }
}
