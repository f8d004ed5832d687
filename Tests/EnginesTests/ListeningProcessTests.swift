import Foundation
import Serving
import TestKit
import Testing

@testable import Engines

/// Whose port it is: the server a user started is found by where it listens.
@Suite("ListeningProcess") struct ListeningProcessTests {
  @Test func findsTheServerAndWhatItUsed() async throws {
    let port = try LoopbackPort.free()
    let guardPath = try EngineInstallation.standard(stateDirectory: "/nonexistent").guardPath
    var engine = ScriptedEngine()
    engine.isPolled = true
    let process = try await EngineProcess.start(engine.plan(port: port), guardPath: guardPath, memoryLimitBytes: nil)
    let found = try #require(ListeningProcess(port: UInt16(port)))
    #expect(found.processID == process.processID)
    let usage = try #require(found.usage())
    #expect(usage.cpuSeconds > 0 && usage.peakMemoryBytes > 1 << 20)
    await process.stop()
    #expect(found.usage() == nil, "what is gone uses nothing that is known")
    #expect(ListeningProcess(port: UInt16(port)) == nil)
  }

  /// Only listeners on the loopback or on every address: the port of another address is another server's.
  @Test func readsTheKernelsTable() {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
         0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0 0 10 0
         1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 100 0 0 10 0
         2: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 13 1 0 100 0 0 10 0
         3: 0500000A:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 14 1 0 100 0 0 10 0
         4: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 15 1 0 100 0 0 10 0
         5: 00000000000000000000000001000000:1F40 00000000000000000000000000000000:0000 0A 0:0 00:0 0 1000 0 16 1 0
      a line that is no line
      """
    #expect(ListeningProcess.listeningSockets(table, port: 8000) == ["socket:[11]", "socket:[12]", "socket:[16]"])
  }
}
