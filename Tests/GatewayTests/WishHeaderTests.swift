import HTTPTypes
import OpenAI
import Serving
import Testing

@testable import Gateway

@Suite struct WishHeaderTests {
  @Test("Headers ask what the body's extension asks, and go before it")
  func headers() throws {
    var request = try CompletionRequest.read(
      Array(#"{"model":"m","prompt":"p","apus":{"objective":"tpot","priority":1,"session":"body"}}"#.utf8))
    var headers: HTTPFields = [.apusObjective: "cost", .apusSLO: "ttft:p99<=500ms, tpot:p50<=40ms"]
    headers[.apusDeadline] = "900"
    headers[.apusMaxQualityLoss] = "0.5"
    try request.take(headers)
    let job = try request.jobs(.unknown(ModelID("m")), isChat: false, key: nil, defaults: CompletionDefaults(seed: 1))[
      0]
    #expect(job.objective == .cost && job.limits.slos.count == 2 && job.limits.maxQualityLoss == 0.5)
    #expect(job.deadlineMS == 900 && job.priority == 1 && job.session == "body")
    for wrong in ["soon", "-1"] {
      headers[.apusDeadline] = wrong
      let error = #expect(throws: RequestRefusal.self) { try request.take(headers) }
      #expect(error?.param == "X-Apus-Deadline-Ms" && error?.message.contains(wrong) == true)
    }
  }
}
