public import Serving

/// The tensors of a GGUF file, read piece by piece: for what computes on a model's weights itself.
public final class GGUFTensorFile: Sendable {
  /// Where a tensor is and how it is encoded.
  public struct Tensor: Hashable, Sendable {
    public let name: String
    /// Elements along each axis, the fastest first.
    public let shape: [Int]
    /// As llama.cpp writes it, such as `Q8_0`.
    public let typeName: String
    /// Bytes of all its elements.
    public let byteCount: Int
    let fileOffset: Int
  }

  public let path: String
  private let file: RandomAccessFile
  private let metadata: [String: GGUFValue]
  private let tensors: [String: Tensor]

  /// - Throws: `badInput` for a file that cannot be read or is no usable GGUF file.
  public init(path: String) throws(ApusError) {
    self.path = path
    file = try RandomAccessFile(path)
    let header = try GGUFHeader(reading: file)
    metadata = header.metadata
    tensors = Dictionary(
      uniqueKeysWithValues: header.tensors.map {
        (
          $0.name,
          Tensor(
            name: $0.name, shape: $0.shape, typeName: $0.type.name, byteCount: $0.byteCount, fileOffset: $0.fileOffset)
        )
      })
  }

  public func tensor(_ name: String) -> Tensor? { tensors[name] }

  /// Some of a tensor's bytes.
  ///
  /// - Throws: `badInput` when the file was cut short since it was opened.
  public func bytes(of tensor: Tensor, at offset: Int, count: Int) throws(ApusError) -> [UInt8] {
    precondition(offset >= 0 && count >= 0 && offset <= tensor.byteCount - count, "bytes of the tensor")
    return try file.read(at: tensor.fileOffset + offset, count: count)
  }

  // MARK: Metadata; nil where the file does not say it

  public func text(_ key: String) -> String? { metadata[key]?.text }
  public func count(_ key: String) -> Int? { metadata[key]?.count }
  public func number(_ key: String) -> Double? { if case .float(let value) = metadata[key] { value } else { nil } }
  public func flag(_ key: String) -> Bool? { if case .bool(let value) = metadata[key] { value } else { nil } }
}
