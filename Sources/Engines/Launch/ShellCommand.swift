/// Writes a command so that a POSIX shell reads back the same words, whatever is in them (POSIX.1-2024, Shell Command
/// Language, 2.2).
enum ShellCommand {
  static func line(environment: [String: String], command: [String]) -> String {
    let variables = environment.sorted { $0.key < $1.key }.map { quoted("\($0.key)=\($0.value)") }
    let words = command.map(quoted)
    return (variables.isEmpty ? words : ["env"] + variables + words).joined(separator: " ")
  }

  /// Bare where every character stands for itself everywhere in a command, else in single quotes, in which only the
  /// single quote itself is special.
  static func quoted(_ word: String) -> String {
    let isPlain = !word.isEmpty && word.utf8.allSatisfy(plain.contains)
    return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }

  private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+=".utf8)
}
