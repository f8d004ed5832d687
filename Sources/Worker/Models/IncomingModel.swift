import Engines
import Foundation
import Messaging
import Serving

/// The file of one model on its way in. Every call blocks on the disk.
struct IncomingModel {
  let directory: String
  let chunk: ModelChunk
  /// What must stay free on the disk.
  let reservedBytes: Int

  /// As the wire allows.
  static let mostChunkBytes = 1 << 20

  /// Why a piece is refused by its shape alone, before any path is made of it; nil when it may be taken.
  static func refusal(of chunk: ModelChunk) -> String? {
    let id = chunk.model.rawValue
    guard id.utf8.count == 64, id.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      return "a model is named by the 64 hexadecimal digits of its file's SHA-256"
    }
    guard chunk.totalBytes > 0, chunk.offset >= 0, chunk.bytes.count <= mostChunkBytes else {
      return "a piece has at most \(mostChunkBytes) bytes of a file that has some, from offset 0 on"
    }
    let (end, overflows) = chunk.offset.addingReportingOverflow(chunk.bytes.count)
    guard !overflows, end <= chunk.totalBytes else {
      return "bytes \(chunk.offset) to \(chunk.offset)+\(chunk.bytes.count) are past the file's \(chunk.totalBytes)"
    }
    return nil
  }

  /// The name the file gets, without folders and with plain characters only, whatever the sender called it.
  static func fileName(_ name: String) -> String {
    let last = name.split(separator: "/").last.map(String.init) ?? ""
    let stem = last.hasSuffix(".gguf") ? String(last.dropLast(5)) : last
    let plain = stem.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" }
    let bounded = String(plain.prefix(100).drop { $0 == "." })
    return (bounded.isEmpty ? "model" : bounded) + ".gguf"
  }

  private var partPath: String { "\(directory)/\(chunk.model).part" }

  /// How much of the file is here.
  var offset: Int {
    var status = stat()
    return stat(partPath, &status) == 0 ? Int(status.st_size) : 0
  }

  func makeDirectory() throws(ApusError) {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw ApusError(.disk, "cannot make the directory \(directory): \(error.localizedDescription)")
    }
  }

  /// Writes the piece when it is the next one, and gives the new offset.
  ///
  /// Workers that share a models directory may be sent the same model at once: the file is locked from looking at its
  /// length to the end of writing, so they continue each other's work.
  ///
  /// - Throws: `disk` when there is no room or the file cannot be written; what was there before stays.
  func append() throws(ApusError) -> Int {
    if chunk.bytes.isEmpty && chunk.totalBytes > offset { return offset }
    let file = open(partPath, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard file >= 0 else { throw failure("open") }
    defer { close(file) }
    flock(file, LOCK_EX)
    let before = offset
    guard before <= chunk.totalBytes else {
      // The sender now has another size in mind than the one this part was begun with.
      ftruncate(file, 0)
      return 0
    }
    guard chunk.offset == before, !chunk.bytes.isEmpty else { return before }
    try checkRoom(for: chunk.totalBytes - before)
    var written = 0
    while written < chunk.bytes.count {
      let count = chunk.bytes.withUnsafeBytes {
        pwrite(file, $0.baseAddress! + written, $0.count - written, off_t(before + written))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let failure = failure("write")
        ftruncate(file, off_t(before))
        throw failure
      }
      written += count
    }
    return before + written
  }

  /// Checks the whole file and gives it its name.
  ///
  /// - Throws: `badInput` when the content is another than promised: the part is deleted then.
  func finish() throws(ApusError) {
    let found = ModelID(try SHA256.hexDigest(ofFile: partPath))
    guard found == chunk.model else {
      unlink(partPath)
      throw ApusError(
        .badInput, "the file's SHA-256 is \(found.rawValue.prefix(12))..., not \(chunk.model.rawValue.prefix(12))...",
        advice: "push the model again; the received file was deleted")
    }
    // The name vouches for the content, so the content must be on the disk first.
    let file = open(partPath, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw failure("open") }
    let isSynced = fsync(file) == 0
    close(file)
    guard isSynced else { throw failure("write") }
    var path = "\(directory)/\(Self.fileName(chunk.name))"
    if FileManager.default.fileExists(atPath: path) {
      path = "\(directory)/\(chunk.model.rawValue.prefix(12))-\(Self.fileName(chunk.name))"
    }
    guard rename(partPath, path) == 0 else { throw failure("rename") }
  }

  private func checkRoom(for missingBytes: Int) throws(ApusError) {
    var disk = statvfs()
    // Where the kernel cannot say, writing itself will tell.
    guard statvfs(directory, &disk) == 0 else { return }
    let free = Int(clamping: UInt64(disk.f_bavail).multipliedReportingOverflow(by: UInt64(disk.f_frsize)).partialValue)
    guard free - reservedBytes >= missingBytes else {
      throw ApusError(
        .disk,
        """
        the disk of \(directory) has \(free >> 20) MiB free; \(missingBytes >> 20) MiB of the model are missing and \
        \(reservedBytes >> 20) MiB must stay free
        """)
    }
  }

  private func failure(_ operation: String) -> ApusError {
    ApusError(.disk, "cannot \(operation) \(partPath): \(String(cString: strerror(errno)))")
  }
}
