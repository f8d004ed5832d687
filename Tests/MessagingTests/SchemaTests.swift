import Foundation
import TestKit
import Testing

/// The committed C code is what protoc-c makes of the schema.
@Suite("Wire schema")
struct SchemaTests {
  private static let compiler = ["/usr/bin/protoc-c", "/usr/local/bin/protoc-c"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test(.enabled(if: compiler != nil, "protoc-c is not installed (apt install protobuf-c-compiler)"))
  func generatedCodeIsCurrent() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let fresh = TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.compiler!)
    process.arguments = ["--c_out=\(fresh.path)", "-I", "\(root)/Schemas", "\(root)/Schemas/messages.proto"]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    for (made, committed) in [("messages.pb-c.c", "messages.pb-c.c"), ("messages.pb-c.h", "include/messages.pb-c.h")] {
      #expect(
        FileManager.default.contentsEqual(
          atPath: "\(fresh.path)/\(made)", andPath: "\(root)/Sources/CMessages/\(committed)"),
        "\(committed) is stale: make it again with the command in messages.proto")
    }
  }
}
