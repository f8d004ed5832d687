import Engines
import Foundation
import Serving

/// The gateway's API keys: a file of lines `NAME SHA-256`, so that who reads it cannot use them.
///
/// The keys are 256 random bits, so a plain hash is enough: there is nothing to guess.
struct APIKeyFile {
  let path: String

  /// Hash to name.
  ///
  /// - Throws: `badInput` for a line that is no key.
  func read() throws(ApusError) -> [String: String] {
    guard FileManager.default.fileExists(atPath: path) else { return [:] }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw ApusError(.badInput, "cannot read the API keys in \(path)")
    }
    var names: [String: String] = [:]
    for (place, line) in text.split(separator: "\n").enumerated() {
      let words = line.split(separator: " ")
      guard words.count == 2, words[1].count == 64 else {
        throw ApusError(
          .badInput, "line \(place + 1) of \(path) is no API key", advice: "it should be a name and a SHA-256 digest")
      }
      names[String(words[1])] = String(words[0])
    }
    return names
  }

  /// Makes a key, and gives the only copy of it there will be.
  func add(_ name: String) throws(ApusError) -> String {
    guard !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }) else {
      throw ApusError(.badInput, "\(name) cannot name a key", advice: "use letters, digits, '-', '_' and '.'")
    }
    var names = try read()
    guard !names.values.contains(name) else {
      throw ApusError(
        .badInput, "there is a key \(name) already", advice: "revoke it first with `apus gateway keys revoke \(name)`")
    }
    var generator = SystemRandomNumberGenerator()
    let key = "apus-" + (0..<4).map { _ in String(format: "%016lx", UInt(generator.next())) }.joined()
    names[SHA256.hexDigest(key)] = name
    try write(names)
    return key
  }

  func revoke(_ name: String) throws(ApusError) {
    let names = try read()
    let kept = names.filter { $0.value != name }
    guard kept.count < names.count else {
      throw ApusError(.badInput, "there is no key \(name)", advice: "see `apus gateway keys list`")
    }
    try write(kept)
  }

  private func write(_ names: [String: String]) throws(ApusError) {
    let text = names.sorted { $0.value < $1.value }.map { "\($0.value) \($0.key)\n" }.joined()
    do {
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    } catch {
      throw ApusError(.disk, "cannot write \(path): \(error.localizedDescription)")
    }
  }
}
