public import Serving

/// A freshly trained selector, ready to be written or used.
public struct TrainedModelFile: Sendable {
  public let bytes: [UInt8]
  public let model: SelectorModel

  init(_ file: SelectorFile) throws(ApusError) {
    bytes = file.bytes
    model = try SelectorModel(bytes: bytes, name: "the trained selector")
  }

  /// Writes the file whole or not at all: a reader sees the old model or the new one, also after a power cut.
  ///
  /// - Throws: `disk` when it cannot be written.
  public func write(to path: String) throws(ApusError) {
    let file = try OutputFile(path)
    try file.write(bytes)
    try file.commit()
  }
}
