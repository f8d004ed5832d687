import CMessages

/// Messages to bytes and back, by Schemas/messages.proto.
///
/// `decode(encode(x)) == x` for every message that `encode` takes. Not Sendable: each thread or actor has its own,
/// which keeps its memory from message to message.
public final class MessageCodec {
  /// Most bytes of an encoded message.
  public static let maximumBytes = 4 << 20
  /// Most memory a message may unfold into: a few times its bytes for real ones, a hundred times for hostile ones.
  private static let maximumUnfoldedBytes = 8 * maximumBytes

  /// Bytes in structs and texts up to which a message is written without asking for its size.
  private static let smallBytes = 32 << 10

  private let arena = Arena(limit: maximumUnfoldedBytes)

  public init() {}

  public func encode(_ message: Message) throws(CodecError) -> [UInt8] {
    try encode(message) { size, pack in
      [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        pack(buffer.baseAddress)
        count = size
      }
    }
  }

  /// Encodes into memory of the caller's choosing, such as a frame.
  ///
  /// - Parameter target: gets the exact size and a function that writes that many bytes at an address. It must call it.
  func encode<Target: ~Copyable>(
    _ message: Message, into target: (Int, (UnsafeMutablePointer<UInt8>?) -> Void) -> Target
  ) throws(CodecError) -> Target {
    defer { arena.reset() }
    let c = try arena.array(of: Message.C.self, 1)
    Message.initialize(c)
    try message.write(to: c, arena)
    guard let packed = packed(c) else {
      let size = apus__envelope__get_packed_size(c)
      guard size <= Self.maximumBytes else { throw .tooLarge }
      return target(size) { address in
        if let address, size > 0 { apus__envelope__pack(c, address) }
      }
    }
    return target(packed.count) { address in
      if let address, let bytes = packed.baseAddress { address.update(from: bytes, count: packed.count) }
    }
  }

  /// The encoded form, in the arena; nil where the message is not small.
  ///
  /// To ask protobuf-c for the size first takes it nearly as long as to write the message. So it is written to where there
  /// is room for it anyway: no field has more than four times the bytes that it takes in its struct and beside it, all of
  /// which are the arena's. An enum's or a boolean's four bytes become ten of a varint and its tag's two, a pointer's eight
  /// the tag and the length of what it points to.
  private func packed(_ c: UnsafeMutablePointer<Apus__Envelope>) -> UnsafeBufferPointer<UInt8>? {
    let most = 4 * arena.usedCount
    guard arena.usedCount <= Self.smallBytes, let room = arena.allocate(most) else { return nil }
    let bytes = room.assumingMemoryBound(to: UInt8.self)
    let count = apus__envelope__pack(c, bytes)
    precondition(count <= most, "a field takes more when it is encoded than in its struct")
    return UnsafeBufferPointer(start: bytes, count: count)
  }

  /// - Throws: `CodecError` for whatever is not a whole, valid message of a known kind. A hello of another protocol
  ///   version is read as far as its version and role, so that it can be refused by name.
  public func decode(_ bytes: UnsafeRawBufferPointer) throws(CodecError) -> Message {
    guard bytes.count <= Self.maximumBytes else { throw .tooLarge }
    defer { arena.reset() }
    do throws(CodecError) {
      let message: Message = try unpack(bytes)
      if case .hello(let hello) = message, hello.version != protocolVersion { return strippedHello(hello) }
      return message
    } catch {
      arena.reset()
      guard let hello: HelloOfAnyVersion = try? unpack(bytes), hello.version != protocolVersion else { throw error }
      return .hello(Hello(version: hello.version, role: hello.role))
    }
  }

  public func decode(_ bytes: [UInt8]) throws(CodecError) -> Message {
    // `withUnsafeBytes` has no typed throws yet.
    try bytes.withUnsafeBytes { buffer in Result { () throws(CodecError) in try decode(buffer) } }.get()
  }

  /// Fields of another version may mean something else there, so none is passed on.
  private func strippedHello(_ hello: Hello) -> Message { .hello(Hello(version: hello.version, role: hello.role)) }

  /// A part of a message that is bytes of its own.
  func decode<Value: WireValue>(
    _ type: Value.Type, from bytes: UnsafeRawBufferPointer
  ) throws(CodecError) -> Value {
    defer { arena.reset() }
    return try unpack(bytes)
  }

  private func unpack<Value: WireValue>(_ bytes: UnsafeRawBufferPointer) throws(CodecError) -> Value {
    let template = try arena.array(of: Value.C.self, 1)
    Value.initialize(template)
    // Every generated struct begins with its ProtobufCMessage, which knows the descriptor.
    let descriptor = UnsafeRawPointer(template).assumingMemoryBound(to: ProtobufCMessage.self).pointee.descriptor
    let unpacked = arena.withAllocator { allocator in
      protobuf_c_message_unpack(
        descriptor, allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    guard let unpacked else { throw .malformed }
    return try Value(reading: UnsafeRawPointer(unpacked).assumingMemoryBound(to: Value.C.self))
  }
}
