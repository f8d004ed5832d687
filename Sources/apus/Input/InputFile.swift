import Foundation
import History
import Serving

/// A file that a person named, read to its end: what a pipe gives is as good.
enum InputFile {
  /// - Throws: `badInput` with the system's reason, or for one that is too large.
  static func bytes(_ path: String) throws(ApusError) -> [UInt8] {
    do throws(ApusError) {
      return try ImportFile.whole(path)
    } catch {
      throw ApusError(.badInput, error.reason, advice: error.advice)
    }
  }

  /// Without a byte order mark.
  ///
  /// - Parameter path: `-` for standard input.
  static func text(_ path: String) throws(ApusError) -> String {
    let bytes = try path == "-" ? [UInt8](FileHandle.standardInput.readDataToEndOfFile()) : bytes(path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ApusError(.badInput, "\(path) is not UTF-8 text")
    }
    return text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
  }

  /// What is wrong with a file, in words: the key, and what is the matter with it.
  static func reason(_ error: any Error) -> String {
    switch error {
    case let error as ApusError: error.reason
    case DecodingError.keyNotFound(let key, let context): "\(path(context.codingPath + [key])) is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      reason(context)
    case DecodingError.dataCorrupted(let context): context.underlyingError.map(reason) ?? reason(context)
    case let error as CocoaError: error.userInfo["NSDebugDescription"] as? String ?? error.localizedDescription
    // What comes from another module says in its first line what it is, then shows it.
    default: "\(error)".split(separator: "\n").first.map(String.init) ?? ""
    }
  }

  private static func reason(_ context: DecodingError.Context) -> String {
    let text = context.debugDescription
    let words = text.hasSuffix(".") ? String(text.dropLast()) : text
    return context.codingPath.isEmpty ? words : "\(path(context.codingPath)): \(words)"
  }

  /// `hosts[0].slots`.
  private static func path(_ keys: [any CodingKey]) -> String {
    keys.reduce("") { path, key in
      key.intValue.map { "\(path)[\($0)]" } ?? (path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)")
    }
  }
}
