import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus workers`: the nodes, what they have and whether they live.
struct WorkersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workers", abstract: "Show the workers with their measured hardware, engines and models.")
  @OptionGroup var options: ClientOptions

  func run() async throws {
    let client = try await options.connect()
    guard case .workers(let workers) = try await client.ask(.listWorkers) else {
      throw ApusError(.bug, "the coordinator answered a list of workers with something else")
    }
    await client.close()
    if options.json {
      Console.print(JSONValue.object([("workers", .array(workers.map(Self.json)))]).text)
    } else {
      Console.print(Self.table(workers).text())
      for line in workers.flatMap(Self.accelerators) { Console.print(line) }
      for change in workers.flatMap(\.changes) { Console.print("measured before counts for less: \(change)") }
    }
  }

  /// What is known of a worker's GPUs, a line each.
  private static func accelerators(_ worker: WorkerStatus) -> [String] {
    worker.description.hardware.accelerators.map { gpu in
      let rates =
        gpu.gemmRate > 0
        ? String(format: ", %.0f GB/s, %.0f TFLOP/s", gpu.memoryBandwidth / 1e9, gpu.gemmRate / 1e12) : ", not measured"
      let engines =
        gpu.engines.isEmpty
        ? "which no engine there computes on" : "for " + gpu.engines.map(\.rawValue).joined(separator: ", ")
      return "\(worker.name) has an \(gpu.name) with \(Figures.bytes(gpu.memoryBytes))\(rates), \(engines)"
    }
  }

  static func table(_ workers: [WorkerStatus]) -> TextTable {
    let hasPrice = workers.contains { $0.description.pricePerHour != nil }
    var table = TextTable(
      ["WORKER", "STATE", ">CORES", ">MEMORY", ">BANDWIDTH", ">GEMM"] + (hasPrice ? [">PRICE/H"] : [])
        + ["PROCESSOR", "ENGINES", ">MODELS", ">BUSY"])
    for worker in workers.sorted(by: { $0.name < $1.name }) {
      let hardware = worker.description.hardware
      let description = worker.description
      let machine = [
        worker.name.rawValue,
        worker.isAlive ? "alive" : "lost \(Figures.seconds(worker.silentSeconds)) ago",
        String(hardware.coreCount), Figures.bytes(hardware.memoryBytes),
        String(format: "%.1f GB/s", hardware.memoryBandwidth / 1e9),
        String(format: "%.0f GFLOP/s", hardware.gemmRate / 1e9),
      ]
      let work = [
        hardware.processor, description.engines.map { "\($0.name) \($0.version)" }.joined(separator: ", "),
        String(description.models.count), String(worker.leaseCount),
      ]
      table.add(machine + (hasPrice ? [Figures.price(description.pricePerHour)] : []) + work)
    }
    return table
  }

  static func json(_ worker: WorkerStatus) -> JSONValue {
    let hardware = worker.description.hardware
    return .object([
      ("name", .string(worker.name.rawValue)), ("is_alive", .bool(worker.isAlive)),
      ("silent_s", .double(worker.silentSeconds)), ("lease_count", .int(worker.leaseCount)),
      ("job_capacity", .int(worker.description.jobCapacity)),
      ("machine", .string(hardware.machine.rawValue)), ("processor", .string(hardware.processor)),
      ("core_count", .int(hardware.coreCount)), ("instruction_sets", JSONValue(strings: hardware.instructionSets)),
      ("memory_bytes", .int(hardware.memoryBytes)),
      ("memory_bandwidth_bytes_per_s", .double(hardware.memoryBandwidth)),
      ("gemm_flop_per_s", .double(hardware.gemmRate)),
      ("engine_memory_bytes", .int(worker.description.engineMemoryBytes ?? hardware.memoryBytes)),
      ("price_per_hour", JSONValue(worker.description.pricePerHour)),
      ("measures_energy", .bool(worker.description.measuresEnergy)),
      ("rpc_servers", JSONValue(strings: worker.description.rpcServers)),
      (
        "accelerators",
        .array(
          hardware.accelerators.map {
            .object([
              ("name", .string($0.name)), ("memory_bytes", .int($0.memoryBytes)),
              ("memory_bandwidth_bytes_per_s", .double($0.memoryBandwidth)), ("gemm_flop_per_s", .double($0.gemmRate)),
              ("engines", JSONValue(strings: $0.engines.map(\.rawValue))),
            ])
          })
      ),
      (
        "engines",
        .array(
          worker.description.engines.map {
            .object([("name", .string($0.name.rawValue)), ("version", .string($0.version))])
          })
      ),
      ("models", JSONValue(strings: worker.description.models.map(\.name))),
      ("warm_configurations", JSONValue(strings: worker.warmConfigurations)),
      ("changes", JSONValue(strings: worker.changes)),
    ])
  }
}
