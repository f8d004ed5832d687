import FoundationEssentials
import Glibc
import Serving
import Testing

@testable import Selection

@Suite("A model file comes back as it was, and a broken or foreign one is refused")
struct SelectorModelTests {
  private func temporary() -> String {
    FileManager.default.temporaryDirectory.appending(path: "selector-\(UUID().uuidString).model").path
  }

  @Test("Written and read, it predicts the same")
  func roundTrip() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try Trained.file.get()
    try file.write(to: path)
    try file.write(to: path)
    let read = try SelectorModel(file: path)
    #expect(read.rowCount == Trained.history.count && read.encoderVersion == FeatureEncoder.version)
    #expect(read.contextCount == 90)
    let set = SyntheticWorld.set()
    func answer(_ model: SelectorModel) -> Recommendation {
      Recommender(model: model, evidence: EvidenceIndex()).recommend([set], objective: .tpot, limits: Limits())
    }
    #expect(answer(read) == answer(file.model))
    let left = try FileManager.default.contentsOfDirectory(
      atPath: URL(filePath: path).deletingLastPathComponent().path)
    #expect(!left.contains { $0.hasPrefix(URL(filePath: path).lastPathComponent + ".") })
  }

  @Test("A missing, cut, changed or foreign file is bad input that says how to mend it")
  func broken() throws {
    let bytes = try Trained.file.get().bytes
    var flipped = bytes
    flipped[bytes.count / 2] ^= 1
    var longHeader = bytes
    longHeader[10] = 0xff
    let cases: [[UInt8]] = [
      [], Array("not a model".utf8), Array(bytes.prefix(6)), Array(bytes.prefix(bytes.count / 2)), flipped, longHeader,
      Array(bytes.dropLast()), bytes + [0],
    ]
    for broken in cases {
      let path = temporary()
      defer { try? FileManager.default.removeItem(atPath: path) }
      try Data(broken).write(to: URL(filePath: path))
      let error = #expect(throws: ApusError.self) { try SelectorModel(file: path) }
      #expect(error?.code == .badInput && error?.advice.contains("apus selector train") == true)
    }
    for path in ["/nonexistent/model", "/tmp"] {
      let error = #expect(throws: ApusError.self) { try SelectorModel(file: path) }
      #expect(error?.code == .badInput)
    }
  }

  @Test("Another encoder version, other columns and hostile figures are refused though the checksum is right")
  func foreign() throws {
    let good = try SelectorFile(bytes: Trained.file.get().bytes, name: "test")
    let changes: [(inout SelectorFile.Header) -> Void] = [
      { $0.encoderVersion += 1 }, { $0.columnsDigest ^= 1 }, { $0.metrics.removeLast() },
      { $0.metrics[0].known.ratio = -1 }, { $0.metrics[0].newModel.costFactor = -1 },
      { $0.metrics[0].measuredCostFactor = 0 }, { $0.metrics[0].levelTrees = 0..<Int.max },
      { $0.metrics[0].levelTrees = 3..<40 }, { $0.metrics[1].name = "other" },
    ]
    for change in changes {
      var header = good.header
      change(&header)
      let bytes = SelectorFile(header: header, trees: good.trees).bytes
      let error = #expect(throws: ApusError.self) { try SelectorModel(bytes: bytes, name: "test") }
      #expect(error?.code == .badInput)
    }
    #expect(throws: Never.self) { try SelectorModel(bytes: good.bytes, name: "test") }
  }

  @Test("It knows what of a context is new to it, and a new model on new hardware is doubted more than either alone")
  func familiarity() throws {
    let model = try Trained.model()
    let (known, hardware) = (SyntheticWorld.targets[0].id, SyntheticWorld.hardware[0])
    var other = hardware
    other.processor = "another"
    #expect(model.familiarity(model: known, hardware: hardware) == .known)
    #expect(model.familiarity(model: known, hardware: other) == .newHardware)
    #expect(model.familiarity(model: ModelID("another"), hardware: hardware) == .newModel)
    #expect(model.familiarity(model: ModelID("another"), hardware: other) == .newModelAndHardware)
    for metric in model.header.metrics {
      let both = metric.spread(.newModelAndHardware)
      for one in [metric.newModel, metric.newHardware] {
        #expect(both.level >= 0.999 * one.level && both.ratio >= 0.999 * one.ratio)
      }
    }
  }

  @Test("A file that cannot be written is a disk error, and nothing is left behind")
  func unwritable() throws {
    let error = #expect(throws: ApusError.self) { try Trained.file.get().write(to: "/nonexistent/folder/model") }
    #expect(error?.code == .disk)
  }
}
