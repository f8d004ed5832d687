import Foundation

/// The digest of a file, by coreutils.
func sha256sum(_ path: String) -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
  process.arguments = [path]
  let output = Pipe()
  process.standardOutput = output
  try? process.run()
  return String(decoding: output.fileHandleForReading.readDataToEndOfFile().prefix(64), as: UTF8.self)
}
