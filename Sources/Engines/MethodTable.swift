import Acceleration

/// Engines and methods as a Markdown table: what works, what was only compared with a package's options, what is not
/// there and why. README.md has the table of all engines, and a test compares the two.
public enum MethodTable {
  /// A cell says `works`, `flag checked` or `not here`; numbers lead to the notes below.
  public static func markdown(_ engines: [any InferenceEngine]) -> String {
    var notes: [String] = []
    func cell(_ support: MethodSupport) -> String {
      guard let note = support.note else { return support.word }
      let number = notes.firstIndex(of: note).map { $0 + 1 } ?? notes.count + 1
      if number > notes.count { notes.append(note) }
      return "\(support.word) (\(number))"
    }
    let header = ["method", "output"] + engines.map(\.name.rawValue)
    var rows = [header, header.map { _ in "---" }]
    for method in MethodCatalogue.all {
      rows.append(
        [method.name.rawValue, method.fidelity.rawValue] + engines.map { cell($0.support(of: method.name)) })
    }
    let table = rows.map { "| " + $0.joined(separator: " | ") + " |" }
    let list = notes.enumerated().map { "\($0.offset + 1). \($0.element)" }
    return (table + (list.isEmpty ? [] : [""]) + list).joined(separator: "\n")
  }
}
