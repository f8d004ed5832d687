import Foundation
import Serving
import Testing

@testable import ExpertPlacement

@Suite("Recordings of other projects") struct RecordingTests {
  private static func read(_ text: String) throws -> RoutingRecording {
    try RoutingImporters.recording(RecordingFile(path: "recording", bytes: Array(text.utf8)))
  }

  /// The same two layers of three experts, in every form.
  @Test(arguments: [
    "1,2,3\n4,5,6\n", " 1, 2 ,3\r\n\r\n4,5,6", "[[1,2,3],[4,5,6]]", "[[[1,1,1],[1,1,1]],[[0,1,2],[3,4,5]]]",
    #"{"weight": [[1,2,3],[4,5,6]]}"#, #"{"logical_count": [[0,0,0],[1,2,3],[4,5,6]]}"#,
    #"{"load_history": [{"logical_expert_load": [[1,1,1],[1,1,1]]}, {"logical_expert_load": [[0,1,2],[3,4,5]]}]}"#,
    #"{"format": "apus-expert-load", "version": 1, "layers": [[1,2,3],[4,5,6]]}"#,
    #"{"records": [{"rank": 0, "global_physical_count": [[1,1,1,2],[2,5,4,2]]}, {"rank": 1, "global_physical_count": [[0,1,0,0],[0,0,0,2]]}], "last_physical_to_logical_map": [[0,1,2,2],[0,1,2,2]]}"#,
  ])
  func everyFormIsRead(text: String) throws {
    let rows: [[Double]] = text.contains("records") ? [[1, 2, 3], [2, 5, 8]] : [[1, 2, 3], [4, 5, 6]]
    #expect(try Self.read(text) == .load(ExpertLoad(rows)))
  }

  @Test func ownTraceIsRead() throws {
    let text =
      #"{"format": "apus-routing", "version": 1, "experts": 4, "top_k": 2, "layers": [[[0,1],[2,3]],[[1,3],[0,2]]]}"#
    let trace = try RoutingTrace(layerCount: 2, topK: 2, expertCount: 4, experts: [0, 1, 2, 3, 1, 3, 0, 2])
    #expect(try Self.read(text) == .trace(trace))
  }

  /// What is wrong is said, with the file's path.
  @Test(arguments: [
    ("1,2\n3,x", "line 2, column 2"), ("1,-2", "-2"), ("1,nan", "nan"), ("", "no layer"), ("[[1,2],[3]]", "layer 1"),
    ("{\"logical_count\": [[0,0]]}", "no expert was used"), ("{\"other\": 1}", "no recording"),
    (#"{"format": "apus-routing", "version": 1, "experts": 4, "top_k": 2, "layers": [[[0,4]]]}"#, "expert 4"),
    (#"{"format": "apus-routing", "version": 1, "experts": 4, "top_k": 2, "layers": [[[0,-1]]]}"#, "-1"),
    (#"{"format": "apus-routing", "version": 9, "experts": 4, "top_k": 2, "layers": [[[0,1]]]}"#, "version"),
    (#"{"load_history": [{"step": 1}]}"#, "step 0"), ("[[1, null]]", "place 1"),
  ])
  func brokenIsRefused(text: String, words: String) {
    let error = #expect(throws: ApusError.self) { try Self.read(text) }
    #expect(error?.code == .badInput)
    #expect(
      error?.reason.contains("recording") == true && error?.reason.contains(words) == true,
      "\(String(describing: error))")
  }

  /// An importer is a file in Importers/ and a line in the list: neither without the other.
  @Test func listAndFolderAgree() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/ExpertPlacement/Recordings/Importers").path
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).map { String($0.dropLast(6)) }
    #expect(Set(files) == Set(RoutingImporters.all.map { "\(type(of: $0))" }))
  }

  /// A file of torch.save, cut at every place or with any byte changed, is read or refused, and never ends the process.
  @Test func torchFileSurvivesDamage() throws {
    let bytes = TorchSample.bytes
    let whole = try RoutingImporters.recording(RecordingFile(path: "dump.pt", bytes: bytes))
    #expect(try whole == .load(ExpertLoad([[2, 4, 6], [8, 10, 12]])))
    for end in stride(from: 0, to: bytes.count, by: 7) {
      _ = try? RoutingImporters.recording(RecordingFile(path: "dump.pt", bytes: Array(bytes[..<end])))
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      var damaged = bytes
      for _ in 0..<3 {
        damaged[Int.random(in: damaged.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      _ = try? RoutingImporters.recording(RecordingFile(path: "dump.pt", bytes: damaged))
    }
  }
}
