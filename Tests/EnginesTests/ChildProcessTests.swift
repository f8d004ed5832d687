import Engines
import Foundation
import Serving
import Synchronization
import Testing

/// Starts small shell commands and looks at what they get and how their end is reported.
@Suite("ChildProcess") struct ChildProcessTests {
  @Test func linesStatusAndEnvironmentArrive() async throws {
    let seen = Mutex<[String]>([])
    let child = try ChildProcess.spawn(
      .init(
        ["sh", "-c", "echo out $APUS_TEST; echo error >&2; echo status >&3; printf unfinished; exit 7"],
        environment: ["APUS_TEST": "yes"],
        output: .lines { line in seen.withLock { $0.append("1 \(line)") } },
        error: .lines { line in seen.withLock { $0.append("2 \(line)") } },
        status: { line in seen.withLock { $0.append("3 \(line)") } }))
    #expect(await child.end() == .exited(7))
    #expect(Set(seen.withLock { $0 }) == ["1 out yes", "2 error", "3 status", "1 unfinished"])
  }

  /// A child gets its standard descriptors and nothing else of ours.
  @Test func noOtherDescriptorIsInherited() async throws {
    // Any free number: another test's descriptor must not be replaced. Without O_CLOEXEC, as a careless library opens.
    let leaked = open("/dev/null", O_RDONLY)
    defer { close(leaked) }
    let seen = Mutex<[String]>([])
    let child = try ChildProcess.spawn(
      .init(
        ["sh", "-c", "for f in /proc/$$/fd/*; do echo ${f##*/}; done"], input: .lifeline,
        output: .lines { line in seen.withLock { $0.append(line) } }))
    _ = await child.end()
    let open = Set(seen.withLock { $0 }.compactMap { Int32($0) })
    // The shell opens the folder it lists, and may keep a copy of its input.
    #expect(open.isSuperset(of: [0, 1, 2]) && open.isSubset(of: [0, 1, 2, 3, 10]))
  }

  @Test func terminateEscalates() async throws {
    let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
    let child = try ChildProcess.spawn(
      .init(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"],
        output: .lines { _ in isReady.yield() }))
    for await _ in ready { break }
    child.terminate(graceSeconds: 0.3)
    #expect(await child.end() == .signalled(SIGKILL))
    child.terminate()
    child.send(signal: SIGKILL)
    #expect(child.ending == .signalled(SIGKILL), "a child that has ended takes no more signals")
  }

  /// A child that reads its input ends by itself when its lifeline closes.
  @Test func lifelineCloses() async throws {
    let child = try ChildProcess.spawn(.init(["cat"], input: .lifeline))
    #expect(child.ending == nil)
    child.terminate(graceSeconds: 300)
    #expect(await child.end() == .exited(0))
  }

  /// A grandchild that keeps the output open does not keep us waiting for the child's end.
  @Test func grandchildThatHoldsTheOutputDoesNotBlock() async throws {
    let seen = Mutex<[String]>([])
    let child = try ChildProcess.spawn(
      .init(["sh", "-c", "sleep 600 & echo $!"], output: .lines { line in seen.withLock { $0.append(line) } }))
    #expect(await child.end() == .exited(0))
    let grandchild = try #require(seen.withLock { $0.first }.flatMap { Int32($0) })
    #expect(processExists(grandchild))
    kill(grandchild, SIGKILL)
  }

  @Test func outputGoesToTheEndOfAFile() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/child-output-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: path) }
    for word in ["one", "two"] {
      _ = await (try ChildProcess.spawn(.init(["echo", word], output: .file(path)))).end()
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "one\ntwo\n")
  }

  @Test func whatCannotRunIsRefused() {
    #expect { try ChildProcess.spawn(.init(["/no/such/command"])) } throws: { error in
      (error as? ApusError)?.code == .unavailable
    }
    #expect { try ChildProcess.spawn(.init(["true"], output: .file("/no/such/folder/log"))) } throws: { error in
      (error as? ApusError)?.code == .disk
    }
  }

  /// Many children at once, each with a lifeline: none holds another's open.
  @Test func childrenDoNotHoldEachOthersLifelines() async throws {
    let children = try (0..<20).map { _ in try ChildProcess.spawn(.init(["cat"], input: .lifeline)) }
    for child in children {
      child.terminate(graceSeconds: 300)
      #expect(await child.end() == .exited(0))
    }
  }
}
