import Benchmarking
import Engines
import Serving
import Synchronization
import TestKit

/// A host with the scripted engine and its counting model.
func scriptedHost(
  _ engine: ScriptedEngine, memoryLimitBytes: Int = 8 << 30, hasModel: Bool = true
) throws -> EngineHost {
  EngineHost(
    engines: [engine],
    modelPath: { hasModel && $0 == ModelProfile.scripted.id ? "/dev/null" : nil },
    profile: { hasModel && $0 == ModelProfile.scripted.id ? .scripted : nil },
    worker: WorkerName("tester"),
    hardware: HardwareProfile(
      machine: MachineID("here"), processor: "any", coreCount: 2, instructionSets: [], memoryBytes: 8 << 30,
      memoryBandwidth: 1e10, gemmRate: 1e11),
    engineVersions: [engine.name: "scripted 1"], guardPath: try testGuardPath(), memoryLimitBytes: memoryLimitBytes)
}

/// What a trial reported, in order.
actor Reports {
  private(set) var all: [(measurement: Measurement, isLast: Bool)] = []
  func add(_ measurement: Measurement, _ isLast: Bool) { all.append((measurement, isLast)) }
  var measurements: [Measurement] { all.map(\.measurement) }
  /// Whether exactly the final report was called the last one.
  var endsOnce: Bool { all.last?.isLast == true && all.dropLast().allSatisfy { !$0.isLast } }
}
