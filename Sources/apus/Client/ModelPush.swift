import Foundation
import Messaging
import Serving

/// Copies a model file to a worker in pieces, from where the worker says it is.
struct ModelPush {
  static let chunkBytes = 1 << 20

  var client: CoordinatorClient
  var worker: WorkerName
  var path: String
  var profile: ModelProfile

  func run() async throws {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw ApusError(.badInput, "cannot read \(path)")
    }
    defer { try? file.close() }  // reading only: a failed close loses nothing
    let total = Int(try file.seekToEnd())
    let progress = ProgressLine()
    let start = ContinuousClock.now
    var at = try await send(offset: 0, total: total, bytes: [])
    while !at.isComplete {
      guard (0..<total).contains(at.offset) else {
        throw ApusError(.bug, "worker \(worker) asks for byte \(at.offset) of \(total)")
      }
      try file.seek(toOffset: UInt64(at.offset))
      let piece = try file.read(upToCount: Self.chunkBytes) ?? Data()
      let next = try await send(offset: at.offset, total: total, bytes: Array(piece))
      guard next.isComplete || next.offset > at.offset else {
        throw ApusError(
          .unavailable, "worker \(worker) did not take the piece at byte \(at.offset)", advice: "try again")
      }
      at = next
      let elapsed = (ContinuousClock.now - start) / .seconds(1)
      progress.update(
        "\(ProgressLine.bar(at.offset, of: total)) \(Figures.bytes(at.offset)) of \(Figures.bytes(total))",
        atSeconds: elapsed)
    }
    progress.finish("\(Figures.bytes(total)) copied")
  }

  private func send(offset: Int, total: Int, bytes: [UInt8]) async throws -> ModelOffset {
    let chunk = ModelChunk(
      model: profile.id, name: profile.name, totalBytes: total, offset: offset, bytes: bytes)
    guard case .modelOffset(let at) = try await client.ask(.pushModel(worker, chunk), timeout: .seconds(120)) else {
      throw ApusError(.bug, "the coordinator answered a model's piece with something else")
    }
    if !at.refusal.isEmpty {
      throw ApusError(.unavailable, "worker \(worker) refuses the model: \(at.refusal)")
    }
    return at
  }
}
