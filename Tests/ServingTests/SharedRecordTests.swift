import Foundation
import Serving
import Testing

@Suite("Records share their memory until one is changed")
struct SharedRecordTests {
  private static let measurement = Measurement(
    id: MeasurementID("m"), source: .job(JobID("j")), worker: WorkerName("w"),
    hardware: HardwareProfile(
      machine: MachineID("a"), processor: "p", coreCount: 2, instructionSets: [], memoryBytes: 1, memoryBandwidth: 1,
      gemmRate: 1),
    model: .unknown(ModelID("0")), workload: .chat, configuration: EngineConfiguration(engine: EngineName("e")),
    fidelity: .exact, engineVersion: "1", startedAtMS: 3, outcome: .cancelled,
    samples: [RequestTimeline(sentAtSeconds: 0, tokenSeconds: [1], promptTokenCount: 1)], warnings: ["slow"])

  @Test("A changed copy of a job's record leaves the first as it was")
  func job() {
    let first = JobRecord(
      id: JobID("j"), client: "c", spec: JobSpec(model: ModelID("0"), prompt: .text("p"), maxTokens: 4),
      submittedAtMS: 1)
    var second = first
    #expect(second == first && second.hashValue == first.hashValue)
    second.state = .running
    second.worker = WorkerName("w")
    second.attemptCount += 1
    #expect(first.state == .queued && first.worker == nil && first.attemptCount == 0)
    #expect(second.state == .running && second.worker == WorkerName("w") && second.attemptCount == 1)
    #expect(second != first && second.spec == first.spec)
  }

  @Test("A changed copy of a measurement leaves the first as it was")
  func measurement() {
    let first = Self.measurement
    var second = first
    second.samples = []
    #expect(second.boxedHardware.identity == first.boxedHardware.identity)
    second.worker = WorkerName("other")
    second.hardware.coreCount = 4
    #expect(first.worker == WorkerName("w") && first.hardware.coreCount == 2 && first.samples.count == 1)
    #expect(second.worker == WorkerName("other") && second.hardware.coreCount == 4 && second.samples.isEmpty)
  }

  @Test("A measurement is one flat object in JSON, and comes back equal")
  func json() throws {
    let data = try JSONEncoder().encode(Self.measurement)
    let keys = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any]).keys.sorted()
    #expect(
      keys == [
        "configuration", "engineVersion", "fidelity", "hardware", "id", "model", "outcome", "samples", "source",
        "startedAtMS", "warnings", "worker", "workload",
      ])
    #expect(try JSONDecoder().decode(Measurement.self, from: data) == Self.measurement)
  }
}
