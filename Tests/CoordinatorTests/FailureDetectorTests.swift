import Coordinator
import Serving
import Testing

/// Who is gone, told in seconds of silence with a heartbeat of one second.
@Suite struct FailureDetectorTests {
  /// Checks every tenth of a second from `from` to `to` and returns who was lost, and when.
  private func watch(_ detector: inout FailureDetector, from: Double, to: Double) -> [(WorkerName, Double)] {
    stride(from: from, through: to, by: 0.1).flatMap { second in
      detector.lost(at: .seconds(second)).map { ($0, second) }
    }
  }

  @Test("Three missed heartbeats lose a worker, once")
  func loses() {
    var detector = FailureDetector(heartbeat: .seconds(1))
    detector.heard("a", at: .zero)
    let lost = watch(&detector, from: 0, to: 10)
    #expect(lost.map(\.0) == ["a"])
    #expect(abs(lost[0].1 - 3.1) < 0.05)
    #expect(detector.silence(of: "a", at: .seconds(11)) == nil)
  }

  @Test("Anything heard starts the count again")
  func heard() {
    var detector = FailureDetector(heartbeat: .seconds(1))
    for second in 0..<20 {
      detector.heard("a", at: .seconds(second))
      #expect(watch(&detector, from: Double(second), to: Double(second) + 0.9).isEmpty)
    }
    #expect(detector.silence(of: "a", at: .seconds(21)) == .seconds(2))
  }

  /// The trap: a coordinator that was suspended for a minute finds a minute of silence from everybody, and their
  /// heartbeats are still unread in its sockets.
  @Test("Time in which the detector itself was away counts for nobody")
  func ownAbsence() {
    var detector = FailureDetector(heartbeat: .seconds(1))
    detector.heard("a", at: .zero)
    #expect(watch(&detector, from: 0, to: 0.5).isEmpty)
    #expect(detector.lost(at: .seconds(60)).isEmpty)
    #expect(watch(&detector, from: 60.1, to: 62).isEmpty)
    #expect(watch(&detector, from: 62.1, to: 70).map(\.0) == ["a"], "but a worker that is really gone is lost then")
  }

  @Test("All that are gone are named, in order")
  func several() {
    var detector = FailureDetector(heartbeat: .seconds(1))
    for name in ["c", "a", "b"] {
      detector.heard(WorkerName(name), at: .zero)
    }
    #expect(watch(&detector, from: 0, to: 5).map(\.0) == ["a", "b", "c"])
  }
}

@Suite struct RetrainPolicyTests {
  @Test("Trains after enough new measurements, or after a benchmark, and not too often")
  func policy() {
    var policy = RetrainPolicy(measurementCount: 3, interval: .seconds(60))
    #expect(!policy.shouldTrain(at: .zero))
    policy.benchmarkDidEnd()
    #expect(!policy.shouldTrain(at: .zero), "nothing was measured")
    policy.measured()
    #expect(policy.shouldTrain(at: .zero), "the benchmark's end does not wait for more")
    policy.started(at: .seconds(1))
    for _ in 0..<3 {
      policy.measured()
    }
    #expect(!policy.shouldTrain(at: .seconds(100)), "one at a time")
    policy.ended()
    #expect(!policy.shouldTrain(at: .seconds(60)))
    #expect(policy.shouldTrain(at: .seconds(61)))
  }
}
