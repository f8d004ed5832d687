import Foundation
import Glibc

/// A file system of its own that can be filled to the last byte: a tmpfs, which only root may mount.
final class SmallDisk {
  let path: String
  private var filler: String { path + "/filler" }

  static let canMount = geteuid() == 0 && trial()

  /// - Throws: what `mount` said.
  init(megabytes: Int) throws {
    path = FileManager.default.temporaryDirectory.path + "/apus-disk-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
      let problem = String(cString: strerror(errno))
      rmdir(path)
      throw TestCluster.NotReady(description: "no tmpfs can be mounted at \(path): \(problem)")
    }
  }

  deinit {
    // Lazily: a process that is still ending may hold a file.
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }

  /// Writes until there is no byte left.
  func fill() throws {
    let descriptor = open(filler, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard descriptor >= 0 else { throw TestCluster.NotReady(description: "\(filler) cannot be made") }
    defer { close(descriptor) }
    var size = 1 << 20
    let zeros = [UInt8](repeating: 0, count: size)
    while size > 0 {
      if write(descriptor, zeros, size) < size { size /= 2 }
    }
    guard errno == ENOSPC else { throw TestCluster.NotReady(description: String(cString: strerror(errno))) }
  }

  func free() { unlink(filler) }

  private static func trial() -> Bool { (try? SmallDisk(megabytes: 1)) != nil }
}
