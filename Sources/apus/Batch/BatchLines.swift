import Foundation
import Messaging
import Serving

/// The lines of a file one after the other. Only a piece of the file and the line in hand are in memory.
struct BatchLines {
  struct Line {
    /// The first line of the file is 1. Empty lines count, but are passed over.
    var number: Int
    /// Without the line break; nil for a line that is too long to be kept.
    var bytes: [UInt8]?
    /// Where the next line begins in the file.
    var end: Int
    /// Whether a line break ends it; false only for the last one.
    var isWhole: Bool
  }

  /// Longer lines are not kept: a job and its answer go in one message.
  static let longestLineBytes = MessageCodec.maximumBytes / 2
  private static let pieceBytes = 1 << 20

  private let path: String
  private let file: FileHandle
  private var piece: ArraySlice<UInt8> = []
  private var number = 0
  private var at = 0

  /// - Throws: `badInput` when the file cannot be read.
  init(_ path: String) throws(ApusError) {
    var information = stat()
    guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG,
      let file = FileHandle(forReadingAtPath: path)
    else {
      throw ApusError(
        .badInput, "cannot read \(path), or it is not a regular file",
        advice: "give the path of a file with one JSON object a line; it is read twice, so a pipe will not do")
    }
    self.path = path
    self.file = file
  }

  /// The next line that has anything on it; nil at the end.
  mutating func next() throws(ApusError) -> Line? {
    while let line = try nextOfAll() {
      if line.bytes?.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) == true { continue }
      return line
    }
    return nil
  }

  private mutating func nextOfAll() throws(ApusError) -> Line? {
    var bytes: [UInt8]? = []
    var isBegun = false
    while true {
      if piece.isEmpty {
        do {
          piece = ArraySlice(try file.read(upToCount: Self.pieceBytes) ?? Data())
        } catch {
          throw ApusError(.badInput, "cannot read \(path): \(error.localizedDescription)")
        }
        if piece.isEmpty {
          return isBegun ? line(bytes, isWhole: false) : nil
        }
      }
      isBegun = true
      let end = piece.firstIndex(of: UInt8(ascii: "\n"))
      let part = piece[..<(end ?? piece.endIndex)]
      if let count = bytes?.count, count + part.count > Self.longestLineBytes { bytes = nil }
      bytes?.append(contentsOf: part)
      at += part.count + (end == nil ? 0 : 1)
      piece = end.map { piece[($0 + 1)...] } ?? []
      if end != nil { return line(bytes, isWhole: true) }
    }
  }

  private mutating func line(_ bytes: [UInt8]?, isWhole: Bool) -> Line {
    number += 1
    var bytes = bytes
    if number == 1, bytes?.starts(with: [0xEF, 0xBB, 0xBF]) == true { bytes?.removeFirst(3) }
    if bytes?.last == UInt8(ascii: "\r") { bytes?.removeLast() }
    return Line(number: number, bytes: bytes, end: at, isWhole: isWhole)
  }
}
