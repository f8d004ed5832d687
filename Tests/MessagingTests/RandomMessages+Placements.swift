import Messaging
import Serving

extension RandomMessages {
  mutating func placementSpec() -> PlacementBenchmarkSpec {
    PlacementBenchmarkSpec(
      id: id(), model: id(), workers: list { $0.id() }, strategies: list { $0.text() }, batchSizes: list { $0.count() },
      rounds: count(), layerCount: some { $0.count() },
      routing: some { random in
        RecordedRouting(
          layerCount: random.count(), topK: random.count(),
          experts: random.list({ UInt8.random(in: 0...255, using: &$0.generator) }, most: 50))
      }, seed: seed(), hedgeAfterMS: some { $0.count() }, deadlineSeconds: count())
  }

  mutating func placementNews() -> PlacementNews {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: .step(PlacementStep(strategy: text(), batchTokens: count(), isRace: chance()))
    case 1: .measured(placementMeasurement())
    case 2:
      .raced(
        PlacementRaceResult(
          batchTokens: count(),
          entrants: list {
            PlacementRaceResult.Entrant(strategy: $0.text(), rounds: $0.count(), ratio: $0.number())
          }, winner: text()))
    default: .ended
    }
  }

  private mutating func placementMeasurement() -> PlacementMeasurement {
    PlacementMeasurement(
      id: id(), benchmark: id(), hub: id(), model: id(), hosts: list { $0.id() }, startedAtMS: Int64(count()),
      strategy: text(), batchTokens: count(), layerCount: count(), problem: text(),
      foreseen: some { random in
        PlacementMeasurement.Foresight(
          encoderVersion: random.count(), features: random.list { Float($0.share()) },
          analyticSeconds: random.number())
      }, outcome: chance() ? .completed(placementFigures()) : .failed(reason: text()))
  }

  private mutating func span() -> PlacementMeasurement.Span {
    PlacementMeasurement.Span(p50MS: number(), p99MS: number())
  }

  private mutating func placementFigures() -> PlacementMeasurement.Figures {
    PlacementMeasurement.Figures(
      passCount: count(), meanSeconds: number(), layer: span(), dispatch: span(), compute: span(), combine: span(),
      wait: span(), balancedness: share(), hostsPerToken: number(),
      links: list {
        PlacementMeasurement.Link(
          sentBytesPerToken: $0.number(), receivedBytesPerToken: $0.number(), memoryBytes: $0.count())
      },
      move: some { random in
        PlacementMeasurement.Move(
          bytes: random.count(), seconds: random.number(), breakEvenBatches: random.some { $0.number() })
      }, speedup: some { $0.number() }, relativeDifference: some { $0.number() }, hedgedCount: count(),
      reroutedCount: count(), unemulatedCount: count(), planMS: number(), predictedP50MS: some { $0.number() },
      lowerBoundMS: some { $0.number() })
  }
}
