import ExpertPlacement
import Foundation
import Serving

/// Loads of experts in any form that is known.
enum ExpertLoadFile {
  static func read(path: String) throws(ApusError) -> ExpertLoad { try recording(path: path).load }

  static func recording(path: String) throws(ApusError) -> RoutingRecording {
    try RoutingImporters.recording(try RecordingFile(path: path))
  }
}

/// The experts of every token, a byte for each id.
enum RoutingTraceFile {
  static let byteLimit = 1 << 30

  static func bytes(path: String) throws(ApusError) -> [UInt8] {
    try PlacementBytes.read(path: path, limit: byteLimit)
  }

  static func read(path: String, layerCount: Int, topK: Int, expertCount: Int) throws(ApusError) -> RoutingTrace {
    guard layerCount > 0, topK > 0, expertCount > 0 else {
      throw ApusError(.usage, "--layers, --top-k and --experts are at least 1")
    }
    let bytes = try bytes(path: path)
    do throws(ApusError) {
      return try RoutingTrace(bytes: bytes, layerCount: layerCount, topK: topK, expertCount: expertCount)
    } catch {
      throw ApusError(error.code, "\(path): \(error.reason)", advice: error.advice)
    }
  }
}

/// A file's bytes, if it is not too large.
private enum PlacementBytes {
  static func read(path: String, limit: Int) throws(ApusError) -> [UInt8] {
    do {
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
      guard size <= limit else {
        throw ApusError(.badInput, "\(path) has \(size) bytes, and at most \(limit) are read")
      }
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch let error as ApusError {
      throw error
    } catch {
      throw ApusError(
        .badInput, "cannot read \(path): \((error as NSError).localizedDescription)", advice: "check the path")
    }
  }
}

/// Unequal hosts and the model's sizes, as a person writes them in YAML.
struct PlacementClusterFile: Decodable {
  struct Model: Decodable {
    var hiddenSize: Int
    var intermediateSize: Int
    var expertMB: Double
    var activationBytes: Double?
    var topK: Int?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case hiddenSize = "hidden_size"
      case intermediateSize = "intermediate_size"
      case expertMB = "expert_mb"
      case activationBytes = "activation_bytes"
      case topK = "top_k"
    }
  }

  struct Hub: Decodable {
    var gbitPerS: Double?
    /// What the hub itself does: for each batch, and for each row that it sends and adds up.
    var batchUS: Double?
    var dispatchUSPerRow: Double?
    var combineUSPerRow: Double?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case gbitPerS = "gbit_per_s"
      case batchUS = "batch_us"
      case dispatchUSPerRow = "dispatch_us_per_row"
      case combineUSPerRow = "combine_us_per_row"
    }

    var work: HubWork {
      HubWork(
        batchSeconds: (batchUS ?? 0) * 1e-6, dispatchSecondsPerRow: (dispatchUSPerRow ?? 0) * 1e-6,
        combineSecondsPerRow: (combineUSPerRow ?? 0) * 1e-6)
    }
  }

  struct Host: Decodable {
    var name: String
    /// Expert copies of each layer; or the memory for all layers.
    var slots: Int?
    var memoryGB: Double?
    var gflopPerS: Double?
    var memoryGBPerS: Double?
    var gbitPerS: Double?
    var latencyUS: Double?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case name, slots
      case memoryGB = "memory_gb"
      case gflopPerS = "gflop_per_s"
      case memoryGBPerS = "memory_gb_per_s"
      case gbitPerS = "gbit_per_s"
      case latencyUS = "latency_us"
    }
  }

  private enum CodingKeys: CodingKey, CaseIterable { case model, hub, hosts }

  var model: Model?
  var hub: Hub?
  var hosts: [Host]

  static func read(path: String) throws(ApusError) -> PlacementClusterFile {
    try YAMLFile.read(
      path, as: "a description of a cluster",
      keys: [
        "": CodingKeys.allCases, "model": Model.CodingKeys.allCases, "hub": Hub.CodingKeys.allCases,
        "hosts": Host.CodingKeys.allCases,
      ], advice: "see Deploy/config/placement-cluster.yaml")
  }

  func described(
    layerCount: Int
  ) throws(ApusError) -> (cluster: PlacementCluster, geometry: ExpertGeometry?, topK: Int?) {
    var geometry: ExpertGeometry?
    if let model {
      let sizes = [
        Double(model.hiddenSize), Double(model.intermediateSize), model.expertMB, model.activationBytes ?? 2,
      ]
      guard sizes.allSatisfy({ $0 > 0 && $0.isFinite }) else {
        throw ApusError(.badInput, "the model's sizes are not all above 0, or are without end")
      }
      geometry = ExpertGeometry(
        hiddenSize: model.hiddenSize, intermediateSize: model.intermediateSize, expertBytes: model.expertMB * 1e6,
        activationBytes: model.activationBytes ?? 2)
    }
    var placed: [PlacementHost] = []
    for host in hosts { placed.append(try Self.placed(host, geometry, layerCount: layerCount)) }
    let cluster = try PlacementCluster(
      hosts: placed, hubBytesPerSecond: hub?.gbitPerS.map { $0 * 1e9 / 8 } ?? .infinity, hubWork: hub?.work ?? HubWork()
    )
    return (cluster, geometry, model?.topK)
  }

  private static func placed(
    _ host: Host, _ geometry: ExpertGeometry?, layerCount: Int
  ) throws(ApusError) -> PlacementHost {
    let slots: Int
    if let given = host.slots {
      slots = given
    } else if let memory = host.memoryGB, let geometry, memory >= 0, memory < 1e6 {
      slots = Int(min(Double(PlacementCluster.slotLimit), memory * 1e9 / geometry.expertBytes / Double(layerCount)))
    } else {
      throw ApusError(
        .badInput, "it is not said how many experts host \(host.name) has memory for",
        advice: "give it slots (of each layer), or memory_gb and the model's expert_mb")
    }
    guard (host.gflopPerS == nil) == (host.memoryGBPerS == nil) else {
      throw ApusError(.badInput, "host \(host.name) needs both gflop_per_s and memory_gb_per_s, or neither")
    }
    var speed: PlacementHost.Speed?
    if let gflops = host.gflopPerS, let bandwidth = host.memoryGBPerS {
      speed = PlacementHost.Speed(operationsPerSecond: gflops * 1e9, memoryBytesPerSecond: bandwidth * 1e9)
    }
    return PlacementHost(
      name: host.name, slotCount: slots, speed: speed,
      link: PlacementHost.Link(
        bytesPerSecond: host.gbitPerS.map { $0 * 1e9 / 8 } ?? .infinity,
        latencySeconds: (host.latencyUS ?? 0) * 1e-6))
  }
}
