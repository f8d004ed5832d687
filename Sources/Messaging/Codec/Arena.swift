import CMessages
import Glibc

/// The memory behind one encoded or decoded message: taken piece by piece, given back all at once, with a hard limit.
///
/// protobuf-c takes its memory from here, so a hostile message that unfolds into more than the limit fails to decode
/// instead of filling the machine.
final class Arena {
  private static let firstChunkBytes = 16 << 10
  /// Larger chunks are given back after each message.
  private static let mostKeptBytes = 1 << 20

  private let limit: Int
  @exclusivity(unchecked) private var chunks: [UnsafeMutableRawBufferPointer]
  /// The part of the last chunk that is free.
  @exclusivity(unchecked) private var free: UnsafeMutableRawPointer
  @exclusivity(unchecked) private var freeCount: Int
  /// What may be taken until the limit is reached.
  @exclusivity(unchecked) private var leftCount: Int

  init(limit: Int) {
    self.limit = limit
    chunks = [.allocate(byteCount: Self.firstChunkBytes, alignment: 16)]
    free = chunks[0].baseAddress!
    freeCount = chunks[0].count
    leftCount = limit
  }

  deinit { for chunk in chunks { chunk.deallocate() } }

  /// Bytes taken since the last `reset`.
  var usedCount: Int { limit - leftCount }

  /// Memory for `count` bytes, aligned to 16, not initialized; nil when the limit is reached.
  func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
    guard count >= 0, count <= leftCount else { return nil }
    let size = (count + 15) & ~15
    guard size <= leftCount else { return nil }
    if size > freeCount { addChunk(atLeast: size) }
    defer {
      free += size
      freeCount -= size
      leftCount -= size
    }
    return free
  }

  private func addChunk(atLeast size: Int) {
    let chunk = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(size, chunks[chunks.count - 1].count * 2), alignment: 16)
    chunks.append(chunk)
    (free, freeCount) = (chunk.baseAddress!, chunk.count)
  }

  /// Gives everything back. Pointers from before are void.
  func reset() {
    if chunks.count > 1 || chunks[0].count > Self.mostKeptBytes { keepOneChunk() }
    (free, freeCount) = (chunks[0].baseAddress!, chunks[0].count)
    leftCount = limit
  }

  private func keepOneChunk() {
    // The last chunk is the largest: keeping it makes a codec settle at one chunk of the usual size.
    let kept = chunks[chunks.count - 1].count <= Self.mostKeptBytes ? chunks.count - 1 : 0
    for (index, chunk) in chunks.enumerated() where index != kept { chunk.deallocate() }
    chunks = [chunks[kept]]
  }

  /// Lends this arena to protobuf-c. Freeing does nothing until `reset`.
  func withAllocator<Result>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) -> Result) -> Result {
    var allocator = ProtobufCAllocator(
      alloc: { arena, count in
        guard let arena else { return nil }
        // The codec holds the arena while it decodes; counting it for each piece would cost more than the piece.
        return Unmanaged<Arena>.fromOpaque(arena)._withUnsafeGuaranteedRef { $0.allocate(count) }
      },
      free: { _, _ in },
      allocator_data: Unmanaged.passUnretained(self).toOpaque())
    return body(&allocator)
  }
}
