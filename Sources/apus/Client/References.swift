import Engines
import Foundation
import Messaging
import Serving

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
