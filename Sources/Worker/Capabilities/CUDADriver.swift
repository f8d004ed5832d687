import Glibc

/// The part of NVIDIA's driver that is needed to measure a GPU: CUDA's driver interface (cuda.h), which keeps a name's
/// signature for good.
///
/// The library comes with the driver, so it is looked for when the program runs. It takes some hundred megabytes of a
/// process and is never unloaded: use it in one that ends soon.
struct CUDADriver {
  /// A call that did not succeed: `cuMemAlloc_v2 said 2`.
  struct Fault: Error, CustomStringConvertible {
    var description: String
  }

  /// Selects what `attribute` reads (CUdevice_attribute).
  enum Attribute: Int32 {
    case multiprocessorCount = 16
    case computeCapabilityMajor = 75
  }

  /// CUDA_ERROR_NO_DEVICE: there is a driver, and this process may use none of its GPUs.
  private static let noDevice: Int32 = 100

  typealias Address = UInt64
  private typealias Handle = OpaquePointer

  private let library: UnsafeMutableRawPointer

  /// Nil where there is no such library.
  init?(library path: String) {
    guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL) else { return nil }
    self.library = library
  }

  /// How many GPUs this process may use, after the driver was set up for it.
  func deviceCount() throws(Fault) -> Int32 {
    var hasDevice = true
    try call("cuInit", (@convention(c) (UInt32) -> Int32).self) { start in
      let status = start(0)
      hasDevice = status != Self.noDevice
      return hasDevice ? status : 0
    }
    guard hasDevice else { return 0 }
    var count: Int32 = 0
    try call("cuDeviceGetCount", (@convention(c) (UnsafeMutablePointer<Int32>) -> Int32).self) { $0(&count) }
    return count
  }

  func device(_ index: Int32) throws(Fault) -> Int32 {
    var device: Int32 = 0
    try call("cuDeviceGet", (@convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32).self) { $0(&device, index) }
    return device
  }

  func name(_ device: Int32) throws(Fault) -> String {
    var text = [CChar](repeating: 0, count: 256)
    try call("cuDeviceGetName", (@convention(c) (UnsafeMutablePointer<CChar>, Int32, Int32) -> Int32).self) {
      $0(&text, Int32(text.count), device)
    }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  func memoryBytes(_ device: Int32) throws(Fault) -> Int {
    var bytes = 0
    try call("cuDeviceTotalMem_v2", (@convention(c) (UnsafeMutablePointer<Int>, Int32) -> Int32).self) {
      $0(&bytes, device)
    }
    return bytes
  }

  func attribute(_ attribute: Attribute, _ device: Int32) throws(Fault) -> Int32 {
    var value: Int32 = 0
    try call("cuDeviceGetAttribute", (@convention(c) (UnsafeMutablePointer<Int32>, Int32, Int32) -> Int32).self) {
      $0(&value, attribute.rawValue, device)
    }
    return value
  }

  /// Makes the device the one that the calls below are about.
  func use(_ device: Int32) throws(Fault) {
    var context: Handle?
    try call("cuDevicePrimaryCtxRetain", (@convention(c) (UnsafeMutablePointer<Handle?>, Int32) -> Int32).self) {
      $0(&context, device)
    }
    try call("cuCtxSetCurrent", (@convention(c) (Handle?) -> Int32).self) { $0(context) }
  }

  func allocate(_ bytes: Int) throws(Fault) -> Address {
    var address: Address = 0
    try call("cuMemAlloc_v2", (@convention(c) (UnsafeMutablePointer<Address>, Int) -> Int32).self) {
      $0(&address, bytes)
    }
    return address
  }

  func free(_ address: Address) throws(Fault) {
    try call("cuMemFree_v2", (@convention(c) (Address) -> Int32).self) { $0(address) }
  }

  /// Fills memory with a number: what was never written may be read faster than what was.
  func fill(_ address: Address, _ value: UInt32, count: Int) throws(Fault) {
    try call("cuMemsetD32_v2", (@convention(c) (Address, UInt32, Int) -> Int32).self) { $0(address, value, count) }
  }

  func copy(_ source: Address, to destination: Address, bytes: Int) throws(Fault) {
    try call("cuMemcpyDtoDAsync_v2", (@convention(c) (Address, Address, Int, Handle?) -> Int32).self) {
      $0(destination, source, bytes, nil)
    }
  }

  /// A compiled function.
  struct Kernel { fileprivate let handle: OpaquePointer? }

  /// - Parameter text: PTX, which the driver compiles for the GPU that is in use.
  func kernel(_ name: String, in text: String) throws(Fault) -> Kernel {
    var module: Handle?
    try call(
      "cuModuleLoadData", (@convention(c) (UnsafeMutablePointer<Handle?>, UnsafePointer<CChar>) -> Int32).self
    ) { load in text.withCString { load(&module, $0) } }
    var function: Handle?
    try call(
      "cuModuleGetFunction",
      (@convention(c) (UnsafeMutablePointer<Handle?>, Handle?, UnsafePointer<CChar>) -> Int32).self
    ) { find in name.withCString { find(&function, module, $0) } }
    return Kernel(handle: function)
  }

  /// Starts a function that takes an address and a number.
  func launch(_ kernel: Kernel, blocks: UInt32, threads: UInt32, _ address: Address, _ number: UInt32) throws(Fault) {
    typealias Launch =
      @convention(c) (
        Handle?, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, Handle?,
        UnsafeMutablePointer<UnsafeMutableRawPointer?>, UnsafeMutableRawPointer?
      ) -> Int32
    var address = address
    var number = number
    try call("cuLaunchKernel", Launch.self) { launch in
      withUnsafeMutablePointer(to: &address) { first in
        withUnsafeMutablePointer(to: &number) { second in
          var parameters: [UnsafeMutableRawPointer?] = [.init(first), .init(second)]
          return launch(kernel.handle, blocks, 1, 1, threads, 1, 1, 0, nil, &parameters, nil)
        }
      }
    }
  }

  /// Seconds from the start of what `work` starts to its end, by the GPU's own clock.
  func seconds(of work: () throws(Fault) -> Void) throws(Fault) -> Double {
    typealias Make = @convention(c) (UnsafeMutablePointer<Handle?>, UInt32) -> Int32
    typealias Record = @convention(c) (Handle?, Handle?) -> Int32
    typealias Elapsed = @convention(c) (UnsafeMutablePointer<Float>, Handle?, Handle?) -> Int32
    var start: Handle?
    var end: Handle?
    try call("cuEventCreate", Make.self) { $0(&start, 0) }
    try call("cuEventCreate", Make.self) { $0(&end, 0) }
    try call("cuEventRecord", Record.self) { $0(start, nil) }
    try work()
    try call("cuEventRecord", Record.self) { $0(end, nil) }
    try call("cuEventSynchronize", (@convention(c) (Handle?) -> Int32).self) { $0(end) }
    var milliseconds: Float = 0
    try call("cuEventElapsedTime", Elapsed.self) { $0(&milliseconds, start, end) }
    return Double(milliseconds) * 1e-3
  }

  private func call<Function>(
    _ name: String, _ type: Function.Type, _ body: (Function) -> Int32
  ) throws(Fault) {
    guard let symbol = dlsym(library, name) else { throw Fault(description: "the driver has no \(name)") }
    let status = body(unsafeBitCast(symbol, to: type))
    guard status == 0 else { throw Fault(description: "\(name) said \(status)") }
  }
}
