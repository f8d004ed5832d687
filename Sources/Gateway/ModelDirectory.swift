import Messaging
import Serving

/// The models that can be asked for, as the coordinator last said. Asked anew after two seconds, and for a name not known.
actor ModelDirectory {
  private static let freshness = Duration.seconds(2)
  /// Names listed in a refusal.
  private static let namesListed = 20

  private let link: CoordinatorLink
  private var models: [ModelStatus] = []
  private var askedAt: ContinuousClock.Instant?
  private var asking: Task<[ModelStatus], any Error>?

  init(_ link: CoordinatorLink) { self.link = link }

  /// - Throws: what kept the coordinator from answering.
  func all(atMost age: Duration = freshness) async throws -> [ModelStatus] {
    if let askedAt, ContinuousClock.now - askedAt < age { return models }
    // One question for all who wait.
    let question =
      asking
      ?? Task { [link] in
        guard case .models(let models) = try await link.ask(.listModels) else {
          throw ApusError(.bug, "the coordinator answered a list of models with something else")
        }
        return models
      }
    asking = question
    defer { asking = nil }
    models = try await question.value
    askedAt = .now
    return models
  }

  /// By name, or by at least eight characters of its digest.
  ///
  /// - Throws: 404 that names the models there are.
  func find(_ name: String) async throws -> ModelProfile {
    if let known = Self.find(name, in: try await all()) { return known }
    let models = try await all(atMost: .milliseconds(100))
    if let known = Self.find(name, in: models) { return known }
    let names = models.map(\.profile.name).sorted()
    let known = names.isEmpty ? "none is here yet" : names.prefix(Self.namesListed).joined(separator: ", ")
    throw OpenAIError(
      .notFound, "there is no model \(name.prefix(100)); there are: \(known)", param: "model", code: "model_not_found")
  }

  private static func find(_ name: String, in models: [ModelStatus]) -> ModelProfile? {
    if let named = models.first(where: { $0.profile.name == name }) { return named.profile }
    guard name.utf8.count >= 8 else { return nil }
    let matching = models.filter { $0.profile.id.rawValue.hasPrefix(name) }
    return matching.count == 1 ? matching[0].profile : nil
  }
}
