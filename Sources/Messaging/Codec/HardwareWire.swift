import CMessages
import Serving

// Machines and engines in Schemas/messages.proto.

extension Accelerator: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Accelerator>) { apus__accelerator__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Accelerator>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.memory_bytes = try arena.count(memoryBytes, "Accelerator.memory_bytes")
    c.pointee.memory_bandwidth = try Wire.number(memoryBandwidth, "Accelerator.memory_bandwidth")
    c.pointee.gemm_rate = try Wire.number(gemmRate, "Accelerator.gemm_rate")
    c.pointee.n_engines = engines.count
    c.pointee.engines = try arena.texts(engines)
  }

  init(reading c: UnsafePointer<Apus__Accelerator>) throws(CodecError) {
    self.init(
      name: try Wire.text(c.pointee.name, "Accelerator.name"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "Accelerator.memory_bytes"),
      memoryBandwidth: try Wire.number(c.pointee.memory_bandwidth, "Accelerator.memory_bandwidth"),
      gemmRate: try Wire.number(c.pointee.gemm_rate, "Accelerator.gemm_rate"),
      engines: try Wire.ids(c.pointee.engines, c.pointee.n_engines, "Accelerator.engines"))
  }
}

extension HardwareProfile: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__HardwareProfile>) { apus__hardware_profile__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__HardwareProfile>, _ arena: Arena) throws(CodecError) {
    c.pointee.machine = try arena.text(machine)
    c.pointee.processor = try arena.text(processor)
    c.pointee.core_count = try arena.count(coreCount, "HardwareProfile.core_count")
    c.pointee.n_instruction_sets = instructionSets.count
    c.pointee.instruction_sets = try arena.texts(instructionSets)
    c.pointee.memory_bytes = try arena.count(memoryBytes, "HardwareProfile.memory_bytes")
    c.pointee.memory_bandwidth = try Wire.number(memoryBandwidth, "HardwareProfile.memory_bandwidth")
    c.pointee.gemm_rate = try Wire.number(gemmRate, "HardwareProfile.gemm_rate")
    c.pointee.n_accelerators = accelerators.count
    c.pointee.accelerators = try arena.messages(accelerators)
  }

  init(reading c: UnsafePointer<Apus__HardwareProfile>) throws(CodecError) {
    self.init(
      machine: try Wire.id(c.pointee.machine, "HardwareProfile.machine"),
      processor: try Wire.text(c.pointee.processor, "HardwareProfile.processor"),
      coreCount: try Wire.count(c.pointee.core_count, "HardwareProfile.core_count"),
      instructionSets: try Wire.texts(
        c.pointee.instruction_sets, c.pointee.n_instruction_sets, "HardwareProfile.instruction_sets"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "HardwareProfile.memory_bytes"),
      memoryBandwidth: try Wire.number(c.pointee.memory_bandwidth, "HardwareProfile.memory_bandwidth"),
      gemmRate: try Wire.number(c.pointee.gemm_rate, "HardwareProfile.gemm_rate"),
      accelerators: try Wire.messages(
        c.pointee.accelerators, c.pointee.n_accelerators, "HardwareProfile.accelerators"))
  }
}

extension EngineDescription: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__EngineDescription>) { apus__engine_description__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__EngineDescription>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.version = try arena.text(version)
    c.pointee.n_builds = builds.count
    c.pointee.builds = try arena.messages(builds)
    guard let attachedModels else { return }
    c.pointee.is_attached = 1
    c.pointee.n_attached_models = attachedModels.count
    c.pointee.attached_models = try arena.texts(attachedModels)
  }

  init(reading c: UnsafePointer<Apus__EngineDescription>) throws(CodecError) {
    let attached: [ModelID] = try Wire.ids(
      c.pointee.attached_models, c.pointee.n_attached_models, "EngineDescription.attached_models")
    self.init(
      name: try Wire.id(c.pointee.name, "EngineDescription.name"),
      version: try Wire.text(c.pointee.version, "EngineDescription.version"),
      attachedModels: c.pointee.is_attached != 0 ? attached : nil,
      builds: try Wire.messages(c.pointee.builds, c.pointee.n_builds, "EngineDescription.builds"))
  }
}

extension EngineBuild: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__EngineBuild>) { apus__engine_build__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__EngineBuild>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.fault = try arena.optionalText(fault)
  }

  init(reading c: UnsafePointer<Apus__EngineBuild>) throws(CodecError) {
    self.init(
      name: try Wire.text(c.pointee.name, "EngineBuild.name"),
      fault: try Wire.text(c.pointee.fault, "EngineBuild.fault"))
  }
}

extension WorkerDescription: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__WorkerDescription>) { apus__worker_description__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__WorkerDescription>, _ arena: Arena) throws(CodecError) {
    c.pointee.hardware = try arena.message(hardware)
    c.pointee.n_engines = engines.count
    c.pointee.engines = try arena.messages(engines)
    c.pointee.n_models = models.count
    c.pointee.models = try arena.messages(models)
    c.pointee.job_capacity = try arena.count(jobCapacity, "WorkerDescription.job_capacity")
    c.pointee.n_leases = leases.count
    c.pointee.leases = try arena.texts(leases)
    c.pointee.price_per_hour = try arena.number(pricePerHour, "WorkerDescription.price_per_hour")
    c.pointee.engine_memory_bytes = try arena.count(engineMemoryBytes, "WorkerDescription.engine_memory_bytes")
    c.pointee.measures_energy = measuresEnergy ? 1 : 0
    c.pointee.n_rpc_servers = rpcServers.count
    c.pointee.rpc_servers = try arena.texts(rpcServers)
    c.pointee.experts = try arena.message(experts)
  }

  init(reading c: UnsafePointer<Apus__WorkerDescription>) throws(CodecError) {
    self.init(
      hardware: try Wire.message(c.pointee.hardware, "WorkerDescription.hardware"),
      engines: try Wire.messages(c.pointee.engines, c.pointee.n_engines, "WorkerDescription.engines"),
      models: try Wire.messages(c.pointee.models, c.pointee.n_models, "WorkerDescription.models"),
      jobCapacity: try Wire.count(c.pointee.job_capacity, "WorkerDescription.job_capacity"),
      leases: try Wire.ids(c.pointee.leases, c.pointee.n_leases, "WorkerDescription.leases"),
      pricePerHour: try Wire.number(c.pointee.price_per_hour, "WorkerDescription.price_per_hour"),
      engineMemoryBytes: try Wire.count(c.pointee.engine_memory_bytes, "WorkerDescription.engine_memory_bytes"),
      measuresEnergy: c.pointee.measures_energy != 0,
      rpcServers: try Wire.texts(c.pointee.rpc_servers, c.pointee.n_rpc_servers, "WorkerDescription.rpc_servers"),
      experts: try Wire.optional(c.pointee.experts))
  }
}
