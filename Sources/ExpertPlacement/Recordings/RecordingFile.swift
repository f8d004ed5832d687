import Foundation
public import Serving

/// A file that may be a recording: its bytes, and what they are as JSON or as a file of torch.save.
public struct RecordingFile: Sendable {
  /// Largest that is read: the largest published recording has 224 MB.
  public static let byteLimit = 256 << 20

  public let path: String
  let bytes: [UInt8]
  /// Nil when it is none of both.
  let tree: RecordingTree?

  /// - Throws: `badInput` when it cannot be read or is too large.
  public init(path: String) throws(ApusError) {
    do {
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
      guard size <= Self.byteLimit else {
        throw ApusError(.badInput, "\(path) has \(size) bytes, and at most \(Self.byteLimit) are read")
      }
      self.init(path: path, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    } catch let error as ApusError {
      throw error
    } catch {
      throw ApusError(
        .badInput, "cannot read \(path): \((error as NSError).localizedDescription)", advice: "check the path")
    }
  }

  init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    let first = bytes.first { !UInt8.isBlank($0) }
    if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
      tree = TorchFile(bytes)?.root
    } else if first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
      let object = try? JSONSerialization.jsonObject(with: Data(bytes))
    {
      tree = RecordingTree(object)
    } else {
      tree = nil
    }
  }
}

extension UInt8 {
  fileprivate static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

/// What JSON and torch.save have in common.
indirect enum RecordingTree: Hashable, Sendable {
  case none
  case number(Double)
  case text(String)
  case list([RecordingTree])
  case object([String: RecordingTree])
  /// Row-major.
  case tensor(shape: [Int], values: [Double])

  init(_ json: Any) {
    switch json {
    case let number as NSNumber: self = .number(number.doubleValue)
    case let text as String: self = .text(text)
    case let list as [Any]: self = .list(list.map { RecordingTree($0) })
    case let object as [String: Any]: self = .object(object.mapValues { RecordingTree($0) })
    default: self = .none
    }
  }

  subscript(_ key: String) -> RecordingTree? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  var list: [RecordingTree]? { if case .list(let list) = self { list } else { nil } }
  var int: Int? { if case .number(let value) = self { Int(exactly: value) } else { nil } }
  var text: String? { if case .text(let text) = self { text } else { nil } }

  /// Numbers as rows: a tensor or lists of two dimensions; of more, all but the last two are added up, as windows, steps and
  /// ranks are.
  ///
  /// - Parameter name: for the error.
  func rows(_ name: String) throws(ApusError) -> [[Double]] {
    switch self {
    case .tensor(let shape, let values):
      guard shape.count >= 2, shape.allSatisfy({ $0 > 0 }) else {
        throw ApusError(.badInput, "\(name) has the shape \(shape), and [layer, expert] is wanted at its end")
      }
      let (rowCount, columnCount) = (shape[shape.count - 2], shape[shape.count - 1])
      var rows = [[Double]](repeating: [Double](repeating: 0, count: columnCount), count: rowCount)
      for (place, value) in values.enumerated() {
        rows[place / columnCount % rowCount][place % columnCount] += value
      }
      return rows
    case .list(let list):
      guard let first = list.first, let inner = first.list, let deepest = inner.first else {
        throw ApusError(.badInput, "\(name) is no list of rows of numbers")
      }
      guard deepest.list != nil else {
        var rows: [[Double]] = []
        for (number, row) in list.enumerated() { rows.append(try row.numbers("\(name), row \(number)")) }
        return rows
      }
      var sum: [[Double]] = []
      for part in list { sum = try Self.adding(try part.rows(name), to: sum, name) }
      return sum
    default:
      throw ApusError(.badInput, "\(name) is no list of rows of numbers")
    }
  }

  /// - Parameter sum: empty at first.
  static func adding(_ rows: [[Double]], to sum: [[Double]], _ name: String) throws(ApusError) -> [[Double]] {
    guard !sum.isEmpty else { return rows }
    guard rows.map(\.count) == sum.map(\.count) else {
      throw ApusError(.badInput, "\(name) has parts of different sizes")
    }
    return zip(sum, rows).map { zip($0, $1).map(+) }
  }

  private func numbers(_ name: String) throws(ApusError) -> [Double] {
    guard let list else { throw ApusError(.badInput, "\(name) is no list") }
    var values: [Double] = []
    for (place, cell) in list.enumerated() {
      guard case .number(let value) = cell else {
        throw ApusError(.badInput, "\(name), place \(place): no number")
      }
      values.append(value)
    }
    return values
  }
}
