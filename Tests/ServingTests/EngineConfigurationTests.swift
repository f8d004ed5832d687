import Foundation
import Serving
import Testing

@Suite("A configuration is its engine, methods and knobs")
struct EngineConfigurationTests {
  @Test("Order and repeats of methods do not matter, and JSON brings the same configuration back")
  func identity() throws {
    let a = EngineConfiguration(
      engine: EngineName("llamacpp"), methods: [MethodName("b"), MethodName("a"), MethodName("b")],
      knobs: [.slotCount: .int(8), .flashAttention: .bool(false)])
    let b = EngineConfiguration(engine: EngineName("llamacpp"))
      .adding(MethodName("a"), [.flashAttention: .bool(false)])
      .adding(MethodName("b"), [.slotCount: .int(8)])
    #expect(a == b)
    #expect(a.fingerprint == "llamacpp flash_attention=off slot_count=8")
    let decoded = try JSONDecoder().decode(EngineConfiguration.self, from: JSONEncoder().encode(a))
    #expect(decoded == a)
    #expect(!a.isDefault && EngineConfiguration(engine: EngineName("llamacpp")).isDefault)
  }

  @Test("An SLO is read from the command line's spelling and nothing else")
  func slo() {
    #expect(SLO(parsing: "ttft:p99<=500ms") == SLO(metric: .ttft, percentile: 99, limitMS: 500))
    #expect(SLO(parsing: "e2e:p50 <= 1.5s") == SLO(metric: .e2e, percentile: 50, limitMS: 1500))
    for wrong in ["", "ttft", "ttft:p95<=5ms", "ttft:p99<=-1ms", "ttft:p99<=5", "x:p99<=5ms", "ttft:p99<=nanms"] {
      #expect(SLO(parsing: wrong) == nil, "\(wrong)")
    }
  }
}
