import Foundation

/// Public data beside the package, `../shared/data`, or where APUS_SHARED_DATA says; tests that read it are skipped
/// where it is not.
enum SharedData {
  private static let root =
    ProcessInfo.processInfo.environment["APUS_SHARED_DATA"]
    ?? FileManager.default.currentDirectoryPath + "/../shared/data"

  static func path(_ name: String) -> String { root + "/" + name }
  static func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}
