import ArgumentParser
import Foundation
import Serving
import Worker

/// `apus measure-accelerators`: what a worker runs beside itself when it starts, so that a GPU's driver, which is large and
/// may crash, is never in the worker.
struct MeasureAcceleratorsCommand: ParsableCommand {
  static let name = "measure-accelerators"
  static let configuration = CommandConfiguration(
    commandName: name, abstract: "Measure this machine's GPUs and print a line of JSON for each.",
    discussion: "A worker does this by itself when it starts.", shouldDisplay: false)

  func run() throws {
    let accelerators: [Accelerator]
    do {
      accelerators = try AcceleratorProbe.measure()
    } catch {
      throw ApusError(.unavailable, "the GPU cannot be measured: \(error)", advice: "see whether nvidia-smi works")
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    for accelerator in accelerators {
      Console.print(String(decoding: try encoder.encode(accelerator), as: UTF8.self))
    }
  }
}
