import Foundation
import Serving
import Testing

@Suite("Output under a path that a person named")
struct OutputFileTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/apus-output-file-\(UUID().uuidString)"

  private func inFolder(_ body: () throws -> Void) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body()
  }

  private func write(_ text: String, to name: String) throws {
    let file = try OutputFile("\(folder)/\(name)")
    try file.write(text)
    try file.commit()
  }

  private func type(_ name: String) throws -> FileAttributeType? {
    try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")[.type] as? FileAttributeType
  }

  @Test("A file is replaced once the new one is whole, and stays as it was otherwise, with nothing beside it")
  func replaced() throws {
    try inFolder {
      try write("old", to: "file")
      do {
        let unfinished = try OutputFile("\(folder)/file")
        try unfinished.write("new")
      }
      #expect(try String(contentsOfFile: "\(folder)/file", encoding: .utf8) == "old")
      try write("new", to: "file")
      #expect(try String(contentsOfFile: "\(folder)/file", encoding: .utf8) == "new")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["file"])
    }
  }

  @Test("A symbolic link stays one, and what it points to is written")
  func symbolicLinks() throws {
    try inFolder {
      try write("old", to: "file")
      for (link, target) in [("link", "file"), ("dangling", "missing")] {
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(link)", withDestinationPath: target)
        try write("new", to: link)
        #expect(try type(link) == .typeSymbolicLink)
        #expect(try String(contentsOfFile: "\(folder)/\(target)", encoding: .utf8) == "new")
      }
    }
  }

  @Test("A pipe, and a link to one, is written into and stays")
  func pipes() throws {
    try inFolder {
      try #require(mkfifo("\(folder)/pipe", 0o600) == 0)
      try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "pipe")
      // Open for both, so that neither end waits for the other.
      let reader = open("\(folder)/pipe", O_RDWR | O_CLOEXEC)
      try #require(reader >= 0)
      defer { close(reader) }
      for name in ["pipe", "link"] {
        try write("text", to: name)
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(reader, &bytes, bytes.count)
        #expect(count == 4 && bytes.starts(with: "text".utf8))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["link", "pipe"])
    }
  }

  @Test("A folder, or a file in one that is not there, is refused as a disk error that names it")
  func unwritable() throws {
    try inFolder {
      for path in [folder, folder + "/none/file"] {
        let error = #expect(throws: ApusError.self) { try OutputFile(path) }
        #expect(error?.code == .disk && error?.reason.contains(path) == true)
      }
    }
  }
}
