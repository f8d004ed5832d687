/// Carries an object that may be touched on one loop's thread only, such as one that owns sockets.
///
/// Unchecked: the object is reached through checks that the caller is on the loop, and its last reference is given up
/// there too, so its sockets are closed where they were used.
public final class LoopConfined<Value: AnyObject>: @unchecked Sendable {
  public let loop: PollLoop
  private let reference: Unmanaged<Value>

  /// The creator must not use `value` any more: it now belongs to the loop.
  public init(_ value: sending Value, on loop: PollLoop) {
    self.loop = loop
    reference = Unmanaged.passRetained(value)
  }

  deinit {
    // As a number, since an unmanaged reference is not Sendable; this is the only reference left.
    let address = UInt(bitPattern: reference.toOpaque())
    loop.execute {
      guard let opaque = UnsafeRawPointer(bitPattern: address) else { return }
      Unmanaged<Value>.fromOpaque(opaque).release()
    }
  }

  /// On the loop only.
  public var value: Value {
    loop.checkIsolated()
    return reference.takeUnretainedValue()
  }

  /// Runs `body` on the loop: now when this is the loop's thread, else as soon as it gets to it.
  public func perform(_ body: @escaping @Sendable (Value) -> Void) {
    if loop.isOnLoop {
      body(value)
    } else {
      loop.execute { body(self.value) }
    }
  }
}
