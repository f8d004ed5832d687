import Foundation
import Serving
import Yams

/// A YAML file that a person wrote.
enum YAMLFile {
  /// - Parameters:
  ///   - description: what the file should be, such as `a workload`.
  ///   - keys: all that may stand under each section, which is an object or a list of them; the file's own under "".
  /// - Throws: `badInput` for a file that cannot be read or decoded, or has another key.
  static func read<Value: Decodable>(
    _ path: String, as description: String, keys: [String: [any CodingKey]], advice: String
  ) throws(ApusError) -> Value {
    let text = try InputFile.text(path)
    do {
      let value = try YAMLDecoder().decode(Value.self, from: text)
      if let root = try Yams.compose(yaml: text) { try refuseOthers(in: root, keys, path) }
      return value
    } catch let error as ApusError {
      throw error
    } catch {
      throw ApusError(.badInput, "\(path) is not \(description): \(InputFile.reason(error))", advice: advice)
    }
  }

  private static func refuseOthers(in root: Node, _ keys: [String: [any CodingKey]], _ path: String) throws(ApusError) {
    for (section, known) in keys.sorted(by: { $0.key < $1.key }) {
      let names = known.map(\.stringValue).sorted()
      guard let node = section.isEmpty ? root : root[section] else { continue }
      for object in node.sequence.map({ Array($0) }) ?? [node] {
        let unknown = object.mapping?.keys.compactMap(\.string).first { !names.contains($0) }
        guard let unknown else { continue }
        throw ApusError(
          .badInput, "\(path) sets \(section.isEmpty ? "" : section + ".")\(unknown), which means nothing",
          advice: "what may stand there is \(names.joined(separator: ", "))")
      }
    }
  }
}
