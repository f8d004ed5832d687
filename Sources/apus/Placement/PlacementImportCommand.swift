import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

extension PlacementCommand {
  /// `apus placement import`: any recording as the CSV that all commands take.
  struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import", abstract: "Read what an engine recorded of its experts and print the counts as a CSV.",
      discussion: RoutingImporters.all.map { "\($0.name): \($0.summary)" }.joined(separator: "\n"))

    @Argument(help: "The recording.") var file: String
    @Flag(help: "Print one JSON object: the sizes, and the counts.") var json = false

    func run() throws {
      let recording = try ExpertLoadFile.recording(path: file)
      let load = recording.load
      let rows = (0..<load.layerCount).map { Array(load.layer($0)) }
      guard json else {
        let lines = rows.map { $0.map { Self.text($0) }.joined(separator: ",") }
        Console.print(lines.joined(separator: "\n"))
        return
      }
      var members: [(String, JSONValue)] = [
        ("layers", .int(load.layerCount)), ("experts", .int(load.expertCount)),
        ("load", .array(rows.map { .array($0.map(JSONValue.double)) })),
      ]
      if case .trace(let trace) = recording {
        members += [("tokens", .int(trace.tokenCount)), ("top_k", .int(trace.topK))]
      }
      Console.print(JSONValue.object(members).text)
    }

    /// Counts without a fraction.
    private static func text(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
  }
}
