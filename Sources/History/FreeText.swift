import Foundation
import GRDB

/// Text of any content in a column of the type ANY.
///
/// SQLite's C strings end at U+0000, so text that holds one is stored as a BLOB of the same UTF-8.
enum FreeText {
  static func databaseValue(_ text: String) -> DatabaseValue {
    text.utf8.contains(0) ? Data(text.utf8).databaseValue : text.databaseValue
  }

  static func text(_ value: DatabaseValue) -> String? {
    switch value.storage {
    case .string(let text): text
    case .blob(let bytes): String(decoding: bytes, as: UTF8.self)
    case .null, .int64, .double: nil
    }
  }

  /// For columns that people read and no code reads back: U+0000 becomes the replacement character.
  static func display(_ text: String) -> String {
    text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
  }
}
