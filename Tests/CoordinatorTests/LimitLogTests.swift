import Messaging
import Testing

@testable import Coordinator

@Suite struct LimitLogTests {
  @Test func saysWhatIsNewNowAndThen() {
    var log = LimitLog()
    var metrics = CoordinatorMetrics()
    metrics.jobsEnded = 5
    #expect(log.news(metrics, at: .seconds(1)) == nil)
    metrics.queueLimitReached = 3
    #expect(log.news(metrics, at: .seconds(2)) == "3 requests found a queue full")
    metrics.queueLimitReached = 4
    metrics.writesFailed = 2
    #expect(log.news(metrics, at: .seconds(11)) == nil, "not more often than every ten seconds")
    #expect(log.news(metrics, at: .seconds(12)) == "1 requests found a queue full; 2 writes failed")
    #expect(log.news(metrics, at: .seconds(60)) == nil)
  }
}
