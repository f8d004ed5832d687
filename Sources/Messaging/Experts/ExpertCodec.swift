import CMessages

/// Headers of expert traffic to bytes and back, by ExpertEnvelope of Schemas/messages.proto.
///
/// Not Sendable: each thread has its own.
public final class ExpertCodec {
  /// Most bytes of a header: one that names every expert of a layer takes a tenth of it.
  public static let maximumHeaderBytes = 64 << 10
  /// Most bytes of a message over all its frames.
  public static let maximumMessageBytes = 1_000_000

  private let arena = Arena(limit: 16 * maximumHeaderBytes)

  public init() {}

  public func encode(_ message: ExpertMessage) throws(CodecError) -> [UInt8] {
    defer { arena.reset() }
    let c = try arena.array(of: Apus__ExpertEnvelope.self, 1)
    apus__expert_envelope__init(c)
    try message.write(to: c, arena)
    let size = apus__expert_envelope__get_packed_size(c)
    guard size <= Self.maximumHeaderBytes else { throw .tooLarge }
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      if let address = buffer.baseAddress { apus__expert_envelope__pack(c, address) }
      count = size
    }
  }

  /// - Throws: `CodecError` for whatever is not a whole, valid header of a known kind.
  public func decode(_ bytes: UnsafeRawBufferPointer) throws(CodecError) -> ExpertMessage {
    guard bytes.count <= Self.maximumHeaderBytes else { throw .tooLarge }
    defer { arena.reset() }
    let unpacked = arena.withAllocator { allocator in
      apus__expert_envelope__unpack(
        allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    guard let unpacked else { throw .malformed }
    return try ExpertMessage(reading: unpacked)
  }
}
