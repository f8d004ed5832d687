import Dispatch
import FoundationEssentials
import Glibc
public import Messaging
public import Serving

/// Unconfirmed reports as files, one for each measurement, so that a worker that is killed after measuring sends its
/// result once it runs again. A file holds the message that the coordinator is sent.
///
/// A file is renamed into place, which survives the end of the process at any moment. It is not forced to the disk: at
/// a power cut the lease ends anyway and the work is given to another worker.
public final class ReportStore: Sendable {
  private let directory: String
  /// Files are written and read here, one at a time, off the cooperative pool.
  private let queue = DispatchQueue(label: "apus.worker.reports")

  /// - Parameter directory: made when it is not there.
  /// - Throws: `disk` when it cannot be made.
  public init(directory: String) throws(ApusError) {
    self.directory = directory
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw ApusError(
        .disk, "cannot make the directory \(directory): \(error)",
        advice: "give the worker a writable state directory")
    }
  }

  /// - Throws: `disk` when the report cannot be written; it is then only in memory.
  public func save(_ report: Report) async throws(ApusError) {
    let path = path(report.measurement.id)
    let failure = await onQueue { [directory] () -> String? in
      do {
        let message = try MessageCodec().encode(.report(report))
        return Self.write(message, to: path, by: directory + "/unfinished")
      } catch {
        return "\(error)"
      }
    }
    if let failure {
      throw ApusError(.disk, "cannot write the report \(path): \(failure)", advice: "make room on that disk")
    }
  }

  /// Forgets a confirmed report. One that cannot be deleted is sent again after a restart, which does no harm: the
  /// coordinator stores a measurement once.
  public func remove(_ id: MeasurementID) {
    let path = path(id)
    queue.async { _ = unlink(path) }
  }

  /// Returns once everything asked for before is done.
  func settle() async { await onQueue {} }

  /// Every stored report, oldest first, and how many files could not be read. Those are renamed to `*.unreadable`.
  public func load() async -> (reports: [Report], unreadableCount: Int) {
    await onQueue { [directory] in
      var reports: [Report] = []
      var unreadableCount = 0
      let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      // Earlier versions wrote JSON, which is not read any more.
      for name in names where name.hasSuffix(".report") || name.hasSuffix(".json") {
        let path = "\(directory)/\(name)"
        if let data = FileManager.default.contents(atPath: path),
          case .report(let report)? = try? MessageCodec().decode([UInt8](data))
        {
          reports.append(report)
        } else {
          unreadableCount += 1
          try? FileManager.default.moveItem(atPath: path, toPath: path + ".unreadable")
        }
      }
      // A trial's last report ends its lease, so it goes after the others of its time.
      reports.sort { ($0.measurement.startedAtMS, $0.isLast ? 1 : 0) < ($1.measurement.startedAtMS, $1.isLast ? 1 : 0) }
      return (reports, unreadableCount)
    }
  }

  private func path(_ id: MeasurementID) -> String {
    // An identifier is made by this program, but a file name must hold whatever it is.
    let name = id.rawValue.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
        String(UnicodeScalar(byte))
      default: "_" + String(byte, radix: 16)
      }
    }
    return "\(directory)/\(name.joined().prefix(200)).report"
  }

  /// Foundation's atomic writing would wait for the disk.
  ///
  /// - Parameter unfinished: where the file is until it is whole.
  /// - Returns: why it could not be written; nil when it is there.
  private static func write(_ bytes: [UInt8], to path: String, by unfinished: String) -> String? {
    let file = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return String(cString: strerror(errno)) }
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + written, $0.count - written) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      written += count
    }
    let isWhole = written == bytes.count
    guard close(file) == 0, isWhole, rename(unfinished, path) == 0 else {
      defer { unlink(unfinished) }
      return String(cString: strerror(errno))
    }
    return nil
  }

  private func onQueue<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { waiting in
      queue.async { waiting.resume(returning: body()) }
    }
  }
}
