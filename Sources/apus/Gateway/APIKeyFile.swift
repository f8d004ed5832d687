import Engines
import Foundation
import Gateway
import Serving

/// The gateway's API keys: a file of lines `NAME SHA-256`, with `admin` at the end of an administrator's, so that who
/// reads it cannot use them.
///
/// The keys are 256 random bits, so a plain hash is enough: there is nothing to guess.
struct APIKeyFile {
  let path: String

  private static let admin = "admin"

  /// Nil where there is none.
  var changedAt: Date? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
  }

  /// By hash.
  ///
  /// - Throws: `badInput` for a line that is no key.
  func read() throws(ApusError) -> [String: GatewayKey] {
    guard FileManager.default.fileExists(atPath: path) else { return [:] }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw ApusError(.badInput, "cannot read the API keys in \(path)")
    }
    var keys: [String: GatewayKey] = [:]
    for (place, line) in text.split(separator: "\n").enumerated() {
      let words = line.split(separator: " ")
      guard words.count == 2 || words.count == 3 && words[2] == Self.admin, words[1].count == 64 else {
        throw ApusError(
          .badInput, "line \(place + 1) of \(path) is no API key",
          advice: "it should be a name, a SHA-256 digest and, for an administrator's, the word \(Self.admin)")
      }
      keys[String(words[1])] = GatewayKey(name: String(words[0]), isAdmin: words.count == 3)
    }
    return keys
  }

  /// Makes a key, and gives the only copy of it there will be.
  func add(_ name: String, isAdmin: Bool) throws(ApusError) -> String {
    guard !name.isEmpty, name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }) else {
      throw ApusError(.badInput, "\(name) cannot name a key", advice: "use letters, digits, '-', '_' and '.'")
    }
    var keys = try read()
    guard !keys.values.contains(where: { $0.name == name }) else {
      throw ApusError(
        .badInput, "there is a key \(name) already", advice: "revoke it first with `apus gateway keys revoke \(name)`")
    }
    var generator = SystemRandomNumberGenerator()
    let key = "apus-" + (0..<4).map { _ in String(format: "%016lx", UInt(generator.next())) }.joined()
    keys[SHA256.hexDigest(key)] = GatewayKey(name: name, isAdmin: isAdmin)
    try write(keys)
    return key
  }

  func revoke(_ name: String) throws(ApusError) {
    let keys = try read()
    let kept = keys.filter { $0.value.name != name }
    guard kept.count < keys.count else {
      throw ApusError(.badInput, "there is no key \(name)", advice: "see `apus gateway keys list`")
    }
    try write(kept)
  }

  private func write(_ keys: [String: GatewayKey]) throws(ApusError) {
    let text = keys.sorted { $0.value.name < $1.value.name }.map { hash, key in
      "\(key.name) \(hash)\(key.isAdmin ? " \(Self.admin)" : "")\n"
    }.joined()
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
