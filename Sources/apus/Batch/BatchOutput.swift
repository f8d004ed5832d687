import Foundation
import Serving

/// The results of a batch while they are written: whole lines in the order of the input, in `FILE.partial`, which takes
/// the place of FILE once all are there.
///
/// An interrupted run leaves `FILE.partial`; the next one goes on behind its last whole line. What `OutputFile` writes
/// into, such as a pipe, is written into here too, and each run begins anew.
final class BatchOutput {
  let path: String
  private let file: FileHandle
  /// The file that the results take the place of; nil for what they are written into.
  private let target: String?
  /// Where they are written.
  private let writtenPath: String
  private var earlier: BatchLines?
  private var keptBytes = 0

  /// - Parameter goesOn: whether to keep what an earlier run wrote.
  /// - Throws: `tryAgain` while another run writes the same results; `disk` when they cannot be written.
  init(_ path: String, goesOn: Bool) throws(ApusError) {
    self.path = path
    target = OutputFile.target(path)
    writtenPath = target.map { $0 + ".partial" } ?? path
    let descriptor = open(writtenPath, (target == nil ? O_WRONLY : O_RDWR) | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw ApusError(
        .disk, "cannot write \(writtenPath): \(String(cString: strerror(errno)))",
        advice: "give a file in a folder that you may write to with --output FILE")
    }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard target != nil else { return }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw ApusError(
        .tryAgain, "another run writes \(writtenPath)", advice: "wait for it, or give another file with --output FILE")
    }
    if goesOn {
      earlier = try BatchLines(writtenPath)
    } else {
      try writing { try file.truncate(atOffset: 0) }
    }
  }

  /// The result that an earlier run wrote for the next line of the input; nil from the first on that it did not.
  func earlierResult(_ id: String) throws(ApusError) -> BatchResult? {
    guard let line = try earlier?.next(), line.isWhole, let bytes = line.bytes,
      let result = BatchResult(text: bytes, id: id)
    else {
      try goOn()
      return nil
    }
    keptBytes = line.end
    return result
  }

  /// Cuts off what does not belong to this batch. From here on results are appended.
  private func goOn() throws(ApusError) {
    guard earlier != nil else { return }
    earlier = nil
    try writing { try file.truncate(atOffset: UInt64(keptBytes)) }
  }

  /// Call it only behind all earlier results.
  func append(_ result: BatchResult) throws(ApusError) {
    try writing { try file.write(contentsOf: Data((result.text + "\n").utf8)) }
  }

  /// Call it with every line's result written, here or by an earlier run.
  func finish() throws(ApusError) {
    guard let target else { return }
    try goOn()
    try writing { try file.synchronize() }
    guard rename(writtenPath, target) == 0 else {
      throw ApusError(.disk, "cannot rename \(writtenPath) to \(target): \(String(cString: strerror(errno)))")
    }
  }

  private func writing(_ body: () throws -> Void) throws(ApusError) {
    do {
      try body()
    } catch {
      throw ApusError(
        .disk, "cannot write \(writtenPath): \((error as NSError).localizedDescription)",
        advice: target == nil ? "" : "make room and run the same command again: it goes on behind the last whole line")
    }
  }
}
