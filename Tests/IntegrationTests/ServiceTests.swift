import Foundation
import Testing

@Suite("The services hold their promises when keys, ports and databases are wrong", .serialized)
struct ServiceTests {
  @Test("A port in use is named and ends with 69")
  func portInUse() async throws {
    try await withCluster(workers: []) { first in
      try await first.startCoordinator()
      let address = try String(contentsOfFile: first.state + "/coordinator.address", encoding: .utf8)
      try await withCluster(workers: []) { second in
        let output = try await second.run(["coordinator", "--bind", address])
        #expect(output.status == 69 && output.standardError.contains(address), "\(output)")
      }
    }
  }

  @Test("Two coordinators never share a state directory")
  func lock() async throws {
    try await withCluster(workers: []) { cluster in
      try await cluster.startCoordinator()
      let output = try await cluster.run(["coordinator", "--bind", "tcp://127.0.0.1:0"])
      #expect(output.status == 69 && output.standardError.contains("another coordinator"), "\(output)")
    }
  }

  @Test("An unknown key, a wrong coordinator key and a revoked key end with 77 and do not hang")
  func keys() async throws {
    try await withCluster(workers: []) { cluster in
      try await cluster.startCoordinator()
      #expect(try await cluster.run(["workers", "--json"]).status == 0)
      _ = try await cluster.run(["keys", "generate", "stranger"])
      let unknown = try await cluster.run(["workers", "--key", "stranger"])
      #expect(unknown.status == 77, "\(unknown)")
      let other = try await cluster.run(["keys", "generate", "other", "--json"])
      let wrongKey = try #require(other.json?["public_key"] as? String)
      let wrong = try await cluster.run(["workers", "--server-key", wrongKey])
      #expect(wrong.status == 77, "\(wrong)")
      _ = try await cluster.run(["keys", "revoke", "client"])
      let revoked = try await cluster.run(["workers"])
      #expect(revoked.status == 77, "\(revoked)")
    }
  }

  @Test("A client key cannot act as a worker")
  func role() async throws {
    try await withCluster(workers: []) { cluster in
      try await cluster.startCoordinator()
      let output = try await cluster.run(["worker", "--name", "client"])
      #expect(output.status == 77, "\(output)")
    }
  }

  @Test("A file that is no database is refused with 65 and left as it is")
  func unreadableDatabase() async throws {
    try await withCluster(workers: []) { cluster in
      let path = cluster.state + "/history.sqlite"
      let junk = Data(repeating: 0x2A, count: 8192)
      try junk.write(to: URL(fileURLWithPath: path))
      let output = try await cluster.run(["coordinator", "--bind", "tcp://127.0.0.1:0"])
      #expect(output.status == 65 && output.standardError.contains("history.sqlite"), "\(output)")
      #expect(FileManager.default.contents(atPath: path) == junk)
    }
  }

  @Test("A model nobody has is refused with the models that exist")
  func unknownModel() async throws {
    try await withCluster(workers: []) { cluster in
      try await cluster.startCoordinator()
      let output = try await cluster.run(["submit", "--model", "unheard-of", "--prompt", "hello"])
      #expect(output.status == 65 && output.standardError.contains("unheard-of"), "\(output)")
    }
  }
}
