import Acceleration
import Messaging
import Selection
import Serving

/// What could be run where: the candidates of each worker for a model and a workload.
///
/// A plain value, so that a ranking may take it to another thread: proposing candidates for many workers costs more
/// than the poll thread should give.
struct CandidateSource: Sendable {
  /// What each engine with an adapter can do.
  let engines: [EngineName: EngineAbilities]
  /// What memory estimates were learned to be off by.
  let corrections: MemoryCorrections

  /// One set for each worker and engine on it that has an adapter or is attached.
  func sets(
    model: ModelProfile, workload: Workload, limits: Limits, methods: [MethodName] = [],
    workers: [(name: WorkerName, description: WorkerDescription)]
  ) -> [CandidateSet] {
    workers.flatMap { worker in
      worker.description.engines.compactMap { engine in
        set(
          model: model, available: worker.description.models, hardware: worker.description.hardware,
          engine: engine, worker: worker.name, workload: workload, limits: limits, methods: methods,
          rpcServers: worker.description.rpcServers, engineMemoryBytes: worker.description.engineMemoryBytes,
          pricePerHour: worker.description.pricePerHour)
      }
    }
  }

  /// The sets of a machine nobody has measured, with every engine there is an adapter for.
  func sets(
    model: ModelProfile, available: [ModelProfile], workload: Workload, limits: Limits, hardware: HardwareProfile
  ) -> [CandidateSet] {
    engines.keys.sorted().compactMap { engine in
      set(
        model: model, available: available, hardware: hardware,
        engine: EngineDescription(name: engine, version: ""),
        worker: WorkerName(hardware.machine.rawValue), workload: workload, limits: limits, methods: [])
    }
  }

  /// Bytes to keep free on a worker for each configuration's engine, when it serves all of these workloads: of main
  /// memory, or the same share of it as the engine takes of its GPUs' memory, if that is more. Nothing for servers that
  /// somebody else started.
  func plannedBytes(
    _ configurations: [EngineConfiguration], model: ModelProfile, on worker: WorkerDescription, workloads: [Workload]
  ) -> [EngineConfiguration: Int] {
    let attached = Set(worker.engines.filter(\.isAttached).map(\.name))
    let tokens = MemoryEstimate.contextTokens(workloads)
    var bytes: [EngineConfiguration: Int] = [:]
    for configuration in configurations where !attached.contains(configuration.engine) {
      let estimate = MemoryEstimate(
        configuration, asked: model, available: worker.models, hardware: worker.hardware, contextTokens: tokens)
      bytes[configuration] = corrections.plannedRoomBytes(
        estimate, on: worker.hardware, memoryLimitBytes: worker.engineMemoryBytes ?? worker.hardware.memoryBytes)
    }
    return bytes
  }

  private func set(
    model: ModelProfile, available: [ModelProfile], hardware: HardwareProfile, engine: EngineDescription,
    worker: WorkerName, workload: Workload, limits: Limits, methods: [MethodName], rpcServers: [String] = [],
    engineMemoryBytes: Int? = nil, pricePerHour: Double? = nil
  ) -> CandidateSet? {
    if let attachedModels = engine.attachedModels {
      guard attachedModels.contains(model.id) else { return nil }
    } else {
      guard model.hasKnownWeights else { return nil }
    }
    guard let abilities = engine.isAttached ? .attached : engines[engine.name] else { return nil }
    let context = AccelerationContext(
      model: model, available: available, hardware: hardware, engine: engine.name, abilities: abilities,
      builds: engine.builds, workload: workload, limits: limits, isAttached: engine.isAttached,
      rpcServers: rpcServers, engineMemoryBytes: engineMemoryBytes, corrections: corrections)
    return CandidateSet(
      worker: worker, hardware: hardware, model: model, available: available, workload: workload,
      candidates: Candidates.propose(in: context, methods: methods), isAttached: engine.isAttached,
      engineMemoryBytes: engineMemoryBytes, pricePerHour: pricePerHour)
  }
}
