import Engines
import Foundation
import Messaging
import Serving
import TestKit
import Testing

@testable import Worker

@Suite("ModelReceiver") struct ModelReceiverTests {
  private let directory: TemporaryFolder
  private let content = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
  private let id: ModelID

  init() throws {
    directory = TemporaryFolder()
    id = ModelID(SHA256.hexDigest(String(decoding: content.map { $0 & 0x7f }, as: UTF8.self)))
  }

  /// Seven bits a byte, so that the text and the bytes are the same.
  private var bytes: [UInt8] { content.map { $0 & 0x7f } }

  private func receiver(has: Bool = false, reservedBytes: Int = 0) -> ModelReceiver {
    ModelReceiver(directory: directory.path, reservedBytes: reservedBytes) { _ in has }
  }

  private func chunk(_ range: Range<Int>, total: Int = 10_000, name: String = "tiny", id: ModelID? = nil) -> ModelChunk
  {
    ModelChunk(
      model: id ?? self.id, name: name, totalBytes: total, offset: range.lowerBound, bytes: Array(bytes[range]))
  }

  /// Piece by piece, also with a break and another process in between; then the file is there under its name.
  @Test func resumes() async throws {
    let first = receiver()
    #expect(await first.receive(chunk(0..<0)) == ModelOffset(model: id, offset: 0, isComplete: false))
    #expect(await first.receive(chunk(0..<4000)).offset == 4000)
    let second = receiver()
    #expect(await second.receive(chunk(0..<0)).offset == 4000)
    // From the wrong place: nothing is written, and the answer says from where.
    #expect(await second.receive(chunk(8000..<9000)) == ModelOffset(model: id, offset: 4000, isComplete: false))
    #expect(await second.receive(chunk(0..<4000)).offset == 4000)
    #expect(await second.receive(chunk(4000..<10_000)) == ModelOffset(model: id, offset: 10_000, isComplete: true))
    #expect(directory.files == ["tiny.gguf"])
    let written = try Data(contentsOf: URL(fileURLWithPath: directory.path + "/tiny.gguf"))
    #expect(Array(written) == bytes)
  }

  /// Content that is not what the id promises is deleted, and the sender is told.
  @Test func wrongHash() async {
    let wrong = ModelID(String(repeating: "0", count: 64))
    let answer = await receiver().receive(chunk(0..<10_000, id: wrong))
    #expect(!answer.isComplete)
    #expect(answer.offset == 0)
    #expect(answer.refusal.contains("SHA-256"))
    #expect(directory.files.isEmpty)
  }

  /// A model that is here needs nothing.
  @Test func alreadyHere() async {
    #expect(
      await receiver(has: true).receive(chunk(0..<0)) == ModelOffset(model: id, offset: 10_000, isComplete: true))
  }

  /// A full disk is refused before a byte is written.
  @Test func noRoom() async {
    let answer = await receiver(reservedBytes: 1 << 60).receive(chunk(0..<100))
    #expect(answer.refusal.contains("MiB"))
    #expect(answer.offset == 0)
  }

  /// Ids and sizes that no honest sender has are refused before a path is made of them.
  @Test func hostileShapes() async {
    let receiver = receiver()
    var hostile: [ModelChunk] = []
    for id in ["../../etc/passwd", "", String(repeating: "A", count: 64), String(repeating: "a", count: 63)] {
      hostile.append(chunk(0..<10, id: ModelID(id)))
    }
    hostile.append(chunk(0..<10, total: 5))
    hostile.append(chunk(0..<10, total: 0))
    hostile.append(ModelChunk(model: id, name: "x", totalBytes: 100, offset: -1, bytes: [1]))
    hostile.append(ModelChunk(model: id, name: "x", totalBytes: .max, offset: .max, bytes: [1]))
    hostile.append(
      ModelChunk(
        model: id, name: "x", totalBytes: 1 << 30, offset: 0, bytes: Array(repeating: 0, count: (1 << 20) + 1)))
    for chunk in hostile {
      #expect(await receiver.receive(chunk).refusal != "", "\(chunk.model) \(chunk.offset) \(chunk.totalBytes)")
    }
    #expect(directory.files.isEmpty)
  }

  @Test(arguments: [
    ("tiny", "tiny.gguf"), ("tiny.gguf", "tiny.gguf"), ("../../x y", "x_y.gguf"), ("", "model.gguf"),
    ("...", "model.gguf"), ("/", "model.gguf"), (".hidden", "hidden.gguf"),
  ]) func fileNames(given: String, taken: String) {
    #expect(IncomingModel.fileName(given) == taken)
  }

  /// Another model of the same name keeps its file.
  @Test func sameName() async throws {
    try Data("other".utf8).write(to: URL(fileURLWithPath: directory.path + "/tiny.gguf"))
    #expect(await receiver().receive(chunk(0..<10_000)).isComplete)
    #expect(directory.files == ["\(id.rawValue.prefix(12))-tiny.gguf", "tiny.gguf"].sorted())
  }

  /// A part that was begun for a larger file is begun anew.
  @Test func anotherSize() async {
    _ = await receiver().receive(chunk(0..<4000))
    #expect(await receiver().receive(chunk(0..<100, total: 3000)).offset == 0)
  }
}
