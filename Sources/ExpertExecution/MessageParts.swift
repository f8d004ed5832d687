import Messaging

/// Rows cut into parts so that no message is larger than the limit.
public enum MessageParts {
  /// Room in a message for its header.
  private static let headerRoom = 1024

  /// Bytes of a row on its way to a host: its elements in half precision, and its pairs.
  public static func rowBytes(hiddenSize: Int, topK: Int) -> Int { hiddenSize * 2 + 10 * topK }

  /// - Parameter rowBytes: of a row with all that goes with it.
  public static func ranges(rowCount: Int, rowBytes: Int) -> [Range<Int>] {
    let most = max(1, (ExpertCodec.maximumMessageBytes - headerRoom) / rowBytes)
    return stride(from: 0, to: rowCount, by: most).map { $0..<min(rowCount, $0 + most) }
  }
}
