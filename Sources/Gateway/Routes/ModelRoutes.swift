import Hummingbird
import Messaging
import Serving

/// `/v1/models`, as OpenAI's clients list them.
struct ModelRoutes: Sendable {
  let models: ModelDirectory

  func add(to router: Router<GatewayContext>) {
    router.get("/v1/models") { _, _ in
      let all = try await models.all().sorted { $0.profile.name < $1.profile.name }
      var text = JSONText()
      text.raw(#"{"object":"list","data":"#)
      text.array(all, Self.write)
      text.raw("}")
      return Response(json: text)
    }
    router.get("/v1/models/{model}") { _, context in
      let profile = try await models.find(try context.decodedParameter("model"))
      var text = JSONText()
      let workers = try await models.all().first { $0.profile.id == profile.id }?.workers ?? []
      Self.write(&text, ModelStatus(profile: profile, workers: workers))
      return Response(json: text)
    }
  }

  private static func write(_ text: inout JSONText, _ model: ModelStatus) {
    text.raw(#"{"id":"#)
    text.string(model.profile.name)
    text.raw(#","object":"model","created":0,"owned_by":"apus","sha256":"#)
    text.string(model.profile.id.rawValue)
    text.raw(#","context_length":"#)
    text.number(model.profile.contextLength)
    text.raw(#","workers":"#)
    text.array(model.workers) { $0.string($1.rawValue) }
    text.raw("}")
  }
}
