import Foundation
import Messaging
import Serving
import Testing

@testable import Gateway

/// A gateway that is told to stop while it answers.
@Suite(.timeLimit(.minutes(10))) struct GatewayStopTests: SocketSuite {
  @Test("What is being answered has its end", arguments: [false, true])
  func drained(isStreamed: Bool) async throws {
    try await withGateway { coordinator, port, gateway in
      let client = RawClient(port: port)
      client.send(Self.body + "\(isStreamed)}")
      let (id, spec) = try await submission(coordinator)
      var job = JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      gateway.stop()
      job.state = .completed
      job.output = "the text"
      coordinator.answer(id, .jobEnded(JobEnd(job, .answer(outputTokens: 2))))
      let answer = try await client.receive { $0.hasSuffix(isStreamed ? "\r\n0\r\n\r\n" : "}]}") }
      #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains("the text"), "\(answer)")
      client.leave()
    }
  }

  @Test("What takes longer is told so, and its job is cancelled", arguments: [false, true])
  func cutOff(isStreamed: Bool) async throws {
    try await withGateway(GatewayConfiguration(port: 0, drainSeconds: 0)) { coordinator, port, gateway in
      let client = RawClient(port: port)
      client.send(Self.body + "\(isStreamed)}")
      let (id, spec) = try await submission(coordinator)
      let job = JobRecord(id: JobID("one"), client: "c", spec: spec, submittedAtMS: 0)
      coordinator.answer(id, .accepted(job))
      coordinator.answer(id, piece(job, "a piece"))
      let begun = isStreamed ? try await client.receive { $0.contains("a piece") } : ""
      gateway.stop()
      #expect(await coordinator.cancelled(1) == [JobID("one")])
      let rest = try await client.receive { $0.contains("stopping") }
      #expect((begun + rest).hasPrefix(isStreamed ? "HTTP/1.1 200" : "HTTP/1.1 503"), "\(rest)")
      client.leave()
    }
  }
}
