import Messaging
import Serving
import Testing

@testable import Worker

@Suite("Outbox") struct OutboxTests {
  private func welcomed() -> Outbox {
    var outbox = Outbox(reports: ReportQueue())
    outbox.connected()
    _ = outbox.next(at: .zero)
    outbox.welcomed()
    return outbox
  }

  private func drain(_ outbox: inout Outbox, at now: Duration = .zero) -> [Outbox.Item] {
    var items: [Outbox.Item] = []
    while let item = outbox.next(at: now) { items.append(item) }
    return items
  }

  /// Nothing but a hello goes before the welcome, and nothing at all without a connection.
  @Test func greetsFirst() {
    var outbox = Outbox(reports: ReportQueue())
    outbox.add(Fixtures.report("a"))
    outbox.beat()
    #expect(drain(&outbox).isEmpty)
    outbox.connected()
    #expect(drain(&outbox) == [.hello])
    // A hello that is not answered goes again with the next beat.
    outbox.beat()
    #expect(drain(&outbox) == [.hello])
    outbox.welcomed()
    #expect(drain(&outbox) == [.report(Fixtures.report("a"))])
  }

  @Test func beats() {
    var outbox = welcomed()
    outbox.beat()
    outbox.beat()
    #expect(drain(&outbox) == [.heartbeat])
    outbox.disconnected()
    outbox.beat()
    #expect(drain(&outbox).isEmpty)
  }

  /// A job's tokens go before its report, also when both wait.
  @Test func tokensBeforeTheReport() {
    var outbox = welcomed()
    let stream = outbox.openStream(job: JobID("job"), lease: LeaseID("lease"), firstIndex: 0)
    outbox.add(Fixtures.report("a"))
    _ = stream.append(GeneratedTokens([1], "x"), at: .zero, interval: .seconds(1))
    _ = stream.append(GeneratedTokens([2], "y"), at: .zero, interval: .seconds(1))
    stream.flush(at: .zero)
    let items = drain(&outbox)
    #expect(items.count == 3)
    #expect(items.last == .report(Fixtures.report("a")))
  }

  /// After a reconnect tokens and unconfirmed reports go again; after the confirmation neither does.
  @Test func reconnect() {
    var outbox = welcomed()
    let stream = outbox.openStream(job: JobID("job"), lease: LeaseID("lease"), firstIndex: 0)
    _ = stream.append(GeneratedTokens([1], "x"), at: .zero, interval: .seconds(1))
    outbox.add(Fixtures.report("a"))
    let first = drain(&outbox)
    outbox.disconnected()
    outbox.connected()
    #expect(drain(&outbox) == [.hello])
    outbox.welcomed()
    #expect(drain(&outbox) == first)
    #expect(outbox.confirm(MeasurementID("a")) == true)
    outbox.connected()
    outbox.welcomed()
    #expect(drain(&outbox) == [.hello])
  }

  /// A second welcome on the same connection, as after a repeated hello, repeats nothing.
  @Test func secondWelcome() {
    var outbox = welcomed()
    let stream = outbox.openStream(job: JobID("job"), lease: LeaseID("lease"), firstIndex: 0)
    _ = stream.append(GeneratedTokens([1], "x"), at: .zero, interval: .seconds(1))
    #expect(drain(&outbox).count == 1)
    outbox.descriptionChanged()
    #expect(drain(&outbox) == [.hello])
    outbox.welcomed()
    #expect(drain(&outbox).isEmpty)
  }

  /// A coordinator that forgot this worker is greeted before anything else goes to it.
  @Test func greetsAgain() {
    var outbox = welcomed()
    outbox.mustGreetAgain()
    outbox.add(Fixtures.report("a"))
    #expect(drain(&outbox) == [.hello])
    outbox.welcomed()
    #expect(drain(&outbox) == [.report(Fixtures.report("a"))])
  }

  /// Answers about model files do not pile up behind a slow connection.
  @Test func boundedAnswers() {
    var outbox = welcomed()
    for offset in 0..<1000 {
      outbox.add(ModelOffset(model: Fixtures.model().id, offset: offset, isComplete: false))
    }
    let items = drain(&outbox)
    #expect(items.count == Outbox.mostModelOffsets)
    #expect(items.last == .modelOffset(ModelOffset(model: Fixtures.model().id, offset: 999, isComplete: false)))
  }

  /// How a trial of placements ended is said on every fresh connection until its lease is over.
  @Test func endOfPlacementsGoesAgain() {
    var outbox = welcomed()
    let step = PlacementReport(
      lease: LeaseID("x"), news: .success(.step(PlacementStep(strategy: "linear", batchTokens: 1))))
    let end = PlacementReport(lease: LeaseID("x"), news: .success(.ended))
    outbox.add(step)
    outbox.add(end)
    #expect(drain(&outbox) == [.placementReport(step), .placementReport(end)])
    func reconnect() {
      outbox.disconnected()
      outbox.connected()
      outbox.welcomed()
    }
    reconnect()
    #expect(drain(&outbox) == [.hello, .placementReport(end)])
    outbox.forgetPlacement()
    reconnect()
    #expect(drain(&outbox) == [.hello])
    outbox.disconnected()
    outbox.add(step)
    outbox.add(end)
    outbox.connected()
    outbox.welcomed()
    #expect(drain(&outbox) == [.hello, .placementReport(step), .placementReport(end)], "once")
  }
}
