import Glibc
public import Serving

extension MeasurementCSV {
  /// Measurements read from the store at once.
  private static let pageLength = 500

  /// Writes all measurements, without their raw samples, in the order stored.
  ///
  /// - Parameter path: A file, which is replaced only once the export is whole; `-` for standard output.
  /// - Returns: The number of measurements written.
  /// - Throws: `disk` when the file cannot be written, or what the store throws.
  @concurrent
  public static func export(_ store: any HistoryStore, to path: String) async throws(ApusError) -> Int {
    let output = try ExportFile(path)
    try output.write(header)
    var filter = MeasurementFilter(limit: pageLength)
    var count = 0
    while true {
      let page = try await store.measurements(filter, includingSamples: false)
      guard let last = page.last else { break }
      try output.write(page.map { line($0.measurement) }.joined())
      count += page.count
      filter.afterRow = last.row
    }
    try output.commit()
    return count
  }

  static var header: String { CSVWriter.record(columns.map(\.name)) }

  static func line(_ measurement: Measurement) -> String { CSVWriter.record(columns.map { $0.text(measurement) }) }
}

/// A file that appears under its name when it is complete, or standard output.
private final class ExportFile {
  private let path: String
  private let temporaryPath: String?
  private var descriptor: Int32

  init(_ path: String) throws(ApusError) {
    self.path = path
    guard path != "-" else {
      temporaryPath = nil
      descriptor = STDOUT_FILENO
      return
    }
    let temporary = "\(path).partial-\(getpid())"
    temporaryPath = temporary
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw fault() }
  }

  deinit {
    guard let temporaryPath, descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporaryPath)
  }

  func write(_ text: String) throws(ApusError) {
    var text = text
    let isWritten = text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
      return true
    }
    if !isWritten { throw fault() }
  }

  func commit() throws(ApusError) {
    guard let temporaryPath else { return }
    guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else { throw fault() }
    close(descriptor)
    descriptor = -1
  }

  private func fault() -> ApusError {
    ApusError(
      .disk, "\(path == "-" ? "standard output" : path) cannot be written: \(String(cString: strerror(errno)))",
      advice: "check the directory, its permissions and the space left, or name another file")
  }
}
