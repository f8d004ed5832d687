/// What a table, a scenario or a file of one was refused for.
public struct LearningError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, empty when the table came from memory.
  public var file: String
  /// Number of the line at fault, from 1; nil when it is no single line.
  public var line: Int?
  public var reason: String

  public init(_ reason: String, file: String = "", line: Int? = nil) {
    self.file = file
    self.line = line
    self.reason = reason
  }

  public var description: String {
    let place =
      line.map { file.isEmpty ? "line \($0): " : "\(file), line \($0): " } ?? (file.isEmpty ? "" : "\(file): ")
    return place + reason
  }
}
