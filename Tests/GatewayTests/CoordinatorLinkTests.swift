import Logging
import Messaging
import Serving
import Testing

@testable import Gateway

/// What a coordinator's refusals do to a gateway's connection.
@Suite(.timeLimit(.minutes(10))) struct CoordinatorLinkTests {
  private let revoked = ApusError(.keyRefused, "this key is not let in any more")

  @Test("A key that is refused is tried until it is let in again")
  func regained() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      await coordinator.greeted()
      let asking = Task { try await link.ask(.listWorkers) }
      _ = await coordinator.next()
      coordinator.refuse(revoked)
      let told = await #expect(throws: ApusError.self) { _ = try await asking.value }
      #expect(told == revoked)
      for _ in 0..<3 {
        await coordinator.greeted()
        #expect(await !link.isUp)
        coordinator.refuse(revoked)
      }
      await coordinator.greeted()
      coordinator.welcome()
      while await !link.isUp { await Task.yield() }
      let again = Task { try await link.ask(.listWorkers) }
      coordinator.answer(await coordinator.next().id, .workers([]))
      let workers = try await again.value
      #expect(workers == .workers([]))
    }
  }

  @Test("A message that the coordinator cannot take is nobody else's loss")
  func oneMessage() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      let asking = Task { try await link.ask(.listWorkers) }
      let question = await coordinator.next()
      coordinator.refuse(ApusError(.badInput, "the bytes are not a message of this protocol"))
      coordinator.answer(question.id, .workers([]))
      let workers = try await asking.value
      #expect(workers == .workers([]))
      #expect(await link.isUp)
    }
  }

  @Test("A connection that is refused ends the link with the reason")
  func shutOut() async throws {
    let coordinator = ScriptedCoordinator()
    let link = CoordinatorLink(coordinator, address: "here", logger: Logger(label: "test"))
    coordinator.shutOut(revoked)
    let told = await #expect(throws: ApusError.self) { try await link.run() }
    #expect(told == revoked)
  }

  @Test("What is too large for a message is told as a body that is too large, and nothing waits for its answer")
  func tooLarge() async throws {
    try await ScriptedCoordinator.withLink { link, _ in
      let spec = JobSpec(
        model: ModelID("m"), prompt: .text(String(repeating: "a", count: 5 << 20)), maxTokens: 1, isBound: true)
      let error = await #expect(throws: OpenAIError.self) { _ = try await link.ask(.submit(spec)) }
      #expect(error?.status == .contentTooLarge && error?.code == "body_too_large")
      // Would wait for it.
      await link.stop(within: .seconds(600))
    }
  }
}
