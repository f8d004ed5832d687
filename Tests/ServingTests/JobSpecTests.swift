import Foundation
import Serving
import Testing

@Suite("Jobs as they are stored")
struct JobSpecTests {
  @Test(
    "A job that was stored before priorities, deadlines and sessions is read, and one without them written, as then")
  func older() throws {
    let spec = JobSpec(model: ModelID("m"), prompt: .text("p"), maxTokens: 4)
    let written = try JSONEncoder().encode(spec)
    let text = String(decoding: written, as: UTF8.self)
    #expect(!text.contains("priority") && !text.contains("deadlineMS") && !text.contains("session"))
    let read = try JSONDecoder().decode(JobSpec.self, from: written)
    #expect(read == spec)
    var newer = spec
    (newer.priority, newer.deadlineMS, newer.session) = (-2, 5000, "talk")
    let copy = try JSONDecoder().decode(JobSpec.self, from: JSONEncoder().encode(newer))
    #expect(copy == newer)
  }
}
