import Glibc

/// NVIDIA's management library (nvml.h), which comes with the driver and is therefore looked for when the program runs. It
/// keeps a name's signature for good. It is never unloaded.
package final class NVML: Sendable {
  private typealias Call = @convention(c) () -> Int32
  private typealias Count = @convention(c) (UnsafeMutablePointer<UInt32>) -> Int32
  private typealias Handle = @convention(c) (UInt32, UnsafeMutablePointer<OpaquePointer?>) -> Int32

  package let deviceCount: UInt32
  private let handle: Handle
  private let symbol: @Sendable (String) -> UnsafeMutableRawPointer?

  /// Nil where there is no driver or no GPU.
  package init?(library: String) {
    guard let driver = dlopen(library, RTLD_NOW | RTLD_LOCAL) else { return nil }
    let address = Int(bitPattern: driver)
    symbol = { dlsym(UnsafeMutableRawPointer(bitPattern: address), $0) }
    guard let start = symbol("nvmlInit_v2"), let count = symbol("nvmlDeviceGetCount_v2"),
      let handle = symbol("nvmlDeviceGetHandleByIndex_v2")
    else { return nil }
    var devices: UInt32 = 0
    guard unsafeBitCast(start, to: Call.self)() == 0, unsafeBitCast(count, to: Count.self)(&devices) == 0, devices > 0
    else { return nil }
    self.handle = unsafeBitCast(handle, to: Handle.self)
    deviceCount = devices
  }

  /// A function of the library; nil where it is too old for it.
  ///
  /// - Parameter type: as nvml.h declares it, `@convention(c)`.
  package func function<Function>(_ name: String, _ type: Function.Type) -> Function? {
    symbol(name).map { unsafeBitCast($0, to: type) }
  }

  /// A GPU, counted from 0; nil for one that is lost.
  package func device(_ index: UInt32) -> OpaquePointer? {
    var device: OpaquePointer?
    return handle(index, &device) == 0 ? device : nil
  }
}
