import Foundation

/// An engine's own options, as a fixture made from its package lists them: spellings, `flag` or `value`, choices.
struct OptionList {
  struct Option {
    var takesValue: Bool
    var choices: Set<String>
  }

  private(set) var options: [String: Option] = [:]
  /// `config CLASS KEY [WORD]` lines: the keys of a configuration file by class.
  private(set) var keys: [String: Set<String>] = [:]
  private(set) var words: [String: String] = [:]
  let head: String

  init(fixture: String) throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(fixture)")
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map(String.init)
    head = lines.first ?? ""
    for line in lines where !line.hasPrefix("#") {
      let parts = line.split(separator: " ").map(String.init)
      if parts[0] == "config" {
        keys[parts[1], default: []].insert(parts[2])
        if parts.count > 3 { words[parts[1]] = parts[3] }
        continue
      }
      let choices = parts.count > 2 ? Set(parts[2].split(separator: "|").map(String.init)) : []
      for name in parts[0].split(separator: ",") {
        options[String(name)] = Option(takesValue: parts[1] == "value", choices: choices)
      }
    }
  }

  /// What the engine's own parser would not take of these words; nil when it takes them all.
  func complaint(about words: [String]) -> String? {
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--") else { return "\(word) belongs to no option" }
      guard let option = options[word] else { return "there is no option \(word)" }
      guard option.takesValue else { continue }
      guard let value = rest.popFirst(), !value.hasPrefix("--") else { return "\(word) has no value" }
      guard option.choices.isEmpty || option.choices.contains(value) else { return "\(word) \(value) is no choice" }
    }
    return nil
  }
}
