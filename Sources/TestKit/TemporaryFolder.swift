import Foundation

/// A folder of a test's own, removed with everything in it when nobody holds it any more.
public final class TemporaryFolder: Sendable {
  public let path: String
  /// Names of what lies in it, in order.
  public var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  public init() {
    path = FileManager.default.temporaryDirectory.path + "/apus-test-\(UUID().uuidString)"
    try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// - Returns: the file's path.
  @discardableResult
  public func write(_ bytes: [UInt8], as name: String) -> String {
    precondition(FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data(bytes)))
    return "\(path)/\(name)"
  }
}
