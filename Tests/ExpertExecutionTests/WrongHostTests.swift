import ExpertPlacement
import Messaging
import Serving
import Testing

@testable import ExpertExecution

/// Hosts that are not what the hub takes them for: one clear error that names the host, and nothing of theirs is used.
@Suite("Wrong hosts", .timeLimit(.minutes(5)))
struct WrongHostTests {
  private static let model = MoEModel()

  private static func facts(
    layers: Int = model.layers, experts: Int = model.experts, hidden: Int = model.hidden, inner: Int = model.inner
  ) -> ExpertFacts {
    ExpertFacts(layerCount: layers, expertCount: experts, hiddenSize: hidden, intermediateSize: inner, loadedBytes: 0)
  }

  private static func sums(_ id: UInt64, _ rows: Range<Int>) -> ExpertSumsHeader {
    ExpertSumsHeader(id: id, rows: rows, queuedSeconds: 0, computedSeconds: 0, processorSeconds: 0)
  }

  enum Shape: CaseIterable {
    case moreRows, fewerBytes, otherHiddenSize, gap, nothing

    fileprivate func answer(_ batch: ExpertBatchHeader) -> (header: ExpertSumsHeader, byteCount: Int) {
      let (count, rowBytes) = (batch.rowCount, 2 * model.hidden)
      return switch self {
      case .moreRows: (sums(batch.id, 0..<count + 1), (count + 1) * rowBytes)
      case .fewerBytes: (sums(batch.id, 0..<count), count * rowBytes - 2)
      case .otherHiddenSize: (sums(batch.id, 0..<count), count * rowBytes / 2)
      case .gap: (sums(batch.id, 1..<count), (count - 1) * rowBytes)
      case .nothing: (sums(batch.id, 0..<count), 0)
      }
    }
  }

  @Test("An answer of the wrong shape ends its batch, names the host, and leaves the next batches alone")
  func wrongShapes() async throws {
    for shape in Shape.allCases {
      let wrong = try ScriptedHost(name: "wrong", facts: Self.facts(), answer: { shape.answer($0) })
      let cluster = try await ExpertCluster(Self.model, hostCount: 1) { $0.hosts.append(wrong.address) }
      func plan(_ host: (Int) -> Int) -> PlacementPlan {
        PlacementPlan(
          hostCount: 2, expertCount: Self.model.experts,
          layers: [.hosted((0..<Self.model.experts).map { [HostShare(host: host($0), weight: 1)] })])
      }
      let (rows, routed) = try cluster.batch(9, layer: 0)
      try await cluster.hub.place(plan { $0 % 2 }, layers: 0..<1)
      let error = await #expect(throws: ApusError.self) {
        try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
      }
      #expect(error?.code == .badInput, "\(shape)")
      #expect(error?.reason == "host wrong answered with rows that do not fit the request", "\(shape)")

      try await cluster.hub.place(plan { _ in 0 }, layers: 0..<1)
      let result = try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
      let reference = try Reference.layer(rows, routed, layer: 0, model: cluster.model)
      #expect(Reference.relativeError(result.rows, reference) < 1e-3, "\(shape)")
    }
  }

  @Test("A host of another model is refused before anything is placed on it, with both sizes")
  func otherModels() async throws {
    for facts in [Self.facts(layers: 3), Self.facts(experts: 9), Self.facts(hidden: 32), Self.facts(inner: 128)] {
      let other = try ScriptedHost(name: "other", facts: facts, answer: { Shape.nothing.answer($0) })
      let error = await #expect(throws: ApusError.self) {
        try await ExpertCluster(Self.model, hostCount: 1) { $0.hosts.append(other.address) }
      }
      #expect(error?.code == .badInput)
      #expect(
        error?.reason
          == "host other has a model of \(facts.layerCount) layers x \(facts.expertCount) experts (\(facts.hiddenSize) x \(facts.intermediateSize)), the hub one of 2 x 8 (64 x 96)"
      )
    }
  }
}
