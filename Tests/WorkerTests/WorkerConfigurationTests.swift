import Foundation
import Serving
import Testing

@testable import Worker

@Suite("WorkerConfiguration") struct WorkerConfigurationTests {
  private func configuration(_ texts: [String: String]) throws -> WorkerConfiguration {
    try WorkerConfiguration { texts[$0] }
  }

  @Test func defaultsWhenNothingIsSaid() throws {
    #expect(try configuration([:]) == WorkerConfiguration())
  }

  @Test func takesWhatIsSaid() throws {
    let said = try configuration([
      "name": "gpu-1", "coordinator": "tcp://10.0.0.1:7700", "cores": "0-1,3", "engines": "llamacpp, vllm",
      "job_capacity": "8", "engine_memory_share": "0.4", "state": "/var/lib/apus", "token_flush_ms": "0",
      "price_per_hour": "1.25", "memory_guard": "data", "rpc_servers": "10.0.0.2:50052, big.local:1",
      "restore_slots": "true",
    ])
    #expect(said.cores == CPUList([0, 1, 3]))
    #expect(said.engines == [EngineName("llamacpp"), EngineName("vllm")])
    #expect(said.jobWorkerOptions.jobCapacity == 8)
    #expect(said.jobWorkerOptions.tokenFlushAfter == .zero)
    #expect(said.engineMemoryShare == 0.4)
    #expect(said.pricePerHour == 1.25 && said.memoryGuard == .data)
    #expect(said.rpcServers == ["10.0.0.2:50052", "big.local:1"] && said.restoresSlots)
    #expect(said.modelsDirectory == "/var/lib/apus/models")
    #expect(said.ownDirectory == "/var/lib/apus/workers/gpu-1")
  }

  /// A value out of its range is refused with the option's name and the value.
  @Test(arguments: [
    ("job_capacity", "0"), ("job_capacity", "many"), ("warm_engine_count", "65"), ("engine_memory_share", "0"),
    ("engine_memory_share", "1.5"), ("engine_memory_share", "nan"), ("cores", "3-1"), ("report_capacity", "-1"),
    ("token_flush_ms", "1001"), ("reserved_disk_bytes", "-1"), ("hello_ms", "1"), ("report_resend_ms", "9"),
    ("expert_gflop_per_s", "0"), ("price_per_hour", "0"), ("price_per_hour", "free"), ("price_per_hour", "inf"),
    ("memory_guard", "rlimit"),
    ("rpc_servers", "10.0.0.2"), ("restore_slots", "maybe"),
  ]) func refuses(option: String, value: String) {
    do {
      _ = try configuration([option: value])
      Issue.record("\(option)=\(value) was taken")
    } catch {
      let refusal = error as? ApusError
      #expect(refusal?.code == .usage)
      #expect(refusal?.reason.contains(option) == true)
      #expect(refusal?.reason.contains(value) == true)
    }
  }

  @Test(arguments: ["name", "state"]) func refusesEmpty(option: String) {
    #expect(throws: ApusError.self) { try configuration([option: ""]) }
  }

  /// Deploy/config/worker.yaml has every option once, each with its real default.
  @Test func theFileOfDefaultsIsTrue() throws {
    let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: checkout.appendingPathComponent("Deploy/config/worker.yaml"), encoding: .utf8)
    var texts: [String: String] = [:]
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let halves = line.split(separator: ":", maxSplits: 1)
      try #require(halves.count == 2, "not `name: value`: \(line)")
      let name = String(halves[0])
      #expect(texts[name] == nil, "\(name) is there twice")
      texts[name] = halves[1].trimmingCharacters(in: CharacterSet(charactersIn: " \""))
    }
    #expect(Set(texts.keys) == Set(WorkerConfiguration.Option.allCases.map(\.rawValue)))
    #expect(try configuration(texts) == WorkerConfiguration())
  }
}
