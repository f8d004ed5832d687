import Synchronization
import Testing
import ZeroMQ

@Suite("Poll loop", .timeLimit(.minutes(10)))
struct PollLoopTests {
  private actor Counter {
    let loop: PollLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var count = 0

    init(_ loop: PollLoop) { self.loop = loop }

    func add() -> Int {
      #expect(loop.isOnLoop)
      count += 1
      return count
    }

    nonisolated func addNow() -> Int { assumeIsolated { $0.addAssumingIsolation() } }
    private func addAssumingIsolation() -> Int {
      count += 1
      return count
    }
  }

  /// An actor that names the loop runs on its thread, however many tasks call it.
  @Test func runsTheJobsOfItsActors() async {
    let counter = Counter(PollLoop(name: "test", jobBudget: 3))
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<500 { _ = await counter.add() } }
      }
    }
    #expect(await counter.add() == 4001)
  }

  /// A task that prefers the loop runs on its thread, before and after it waited for somebody else.
  @Test func runsTasksThatPreferIt() async {
    let loop = PollLoop(name: "test")
    let task = Task(executorPreference: LoopTaskExecutor(loop)) {
      var onLoop = [loop.isOnLoop]
      onLoop.append(await Task.detached { loop.isOnLoop }.value)
      return onLoop + [loop.isOnLoop]
    }
    #expect(await task.value == [true, false, true])
  }

  /// A closure on the loop may use an actor of the loop without a hop: this is how messages are delivered.
  @Test func letsClosuresAssumeIsolation() async {
    let loop = PollLoop(name: "test")
    let counter = Counter(loop)
    let result = await withCheckedContinuation { continuation in
      loop.execute { continuation.resume(returning: counter.addNow()) }
    }
    #expect(result == 1)
    #expect(!loop.isOnLoop)
  }

  /// Closures run in the order they were handed over, also those handed over by closures.
  @Test func keepsTheOrderOfClosures() async {
    let loop = PollLoop(name: "test", jobBudget: 2)
    let seen = Mutex<[Int]>([])
    await withCheckedContinuation { continuation in
      for number in 0..<10 { loop.execute { seen.withLock { $0.append(number) } } }
      loop.execute { loop.execute { continuation.resume() } }
    }
    #expect(seen.withLock { $0 } == Array(0..<10))
  }

  /// Work for a turn's end runs after the jobs of the turn, and work that asks again has another turn without any event.
  @Test func endsTurns() async {
    let loop = PollLoop(name: "test")
    let seen = Mutex<[String]>([])
    await withCheckedContinuation { continuation in
      loop.execute {
        loop.atTurnEnd {
          seen.withLock { $0.append("end") }
          loop.atTurnEnd { continuation.resume() }
        }
        loop.execute { seen.withLock { $0.append("job") } }
      }
    }
    #expect(seen.withLock { $0 } == ["job", "end"])
  }

  /// What a loop carries is let go of on its thread, and the loop itself may be let go of there.
  @Test func releasesConfinedValuesOnTheLoop() async {
    final class Probe {
      let loop: PollLoop
      let onRelease: (Bool) -> Void
      init(_ loop: PollLoop, _ onRelease: @escaping (Bool) -> Void) {
        self.loop = loop
        self.onRelease = onRelease
      }
      deinit { onRelease(loop.isOnLoop) }
    }
    let wasOnLoop = await withCheckedContinuation { continuation in
      let loop = PollLoop(name: "test")
      var confined: LoopConfined? = LoopConfined(Probe(loop) { continuation.resume(returning: $0) }, on: loop)
      confined?.perform { _ in }
      confined = nil
    }
    #expect(wasOnLoop)
  }

  /// Socket handlers and jobs take turns: neither starves while the other has work without end.
  @Test func servesSocketsBetweenJobs() async throws {
    let context = Context()
    let loop = PollLoop(name: "test", jobBudget: 4)
    let pair = LoopConfined(try PairedSockets(context), on: loop)
    let arrived = Mutex(false)
    await withCheckedContinuation { continuation in
      pair.perform { pair in
        pair.watch(on: loop) {
          arrived.withLock { $0 = true }
          continuation.resume()
        }
        // Jobs that keep coming until the socket was served.
        @Sendable func again() { if !arrived.withLock({ $0 }) { loop.execute { again() } } }
        again()
        pair.sendOne()
      }
    }
    #expect(arrived.withLock { $0 })
  }

  /// Two sockets of one context; the second is watched.
  private final class PairedSockets {
    private let sender: Socket
    private let receiver: Socket
    private var registration: PollLoop.Registration?

    init(_ context: Context) throws(ZeroMQError) {
      receiver = try Socket(.pair, in: context)
      sender = try Socket(.pair, in: context)
      try receiver.bind("inproc://poll-loop-test")
      try sender.connect("inproc://poll-loop-test")
    }

    func watch(on loop: PollLoop, _ handler: @escaping () -> Void) {
      registration = loop.add(receiver, for: .input) { [unowned self] _ in
        var frame = Frame()
        guard (try? self.receiver.receive(into: &frame)) == true else { return }
        if let registration = self.registration { loop.remove(registration) }
        handler()
      }
    }

    func sendOne() {
      var frame = Frame(copying: [1])
      _ = try? sender.send(&frame)
    }
  }
}
