import Foundation
import Learning
import Serving
import Testing

@testable import Selection

@Suite(
  "Where model or hardware is new, who did better on those left out answers: trees, pooled effects or the roofline")
struct UnfamiliarAnswerTests {
  /// A history of eight kinds of hardware, each with two nodes, in four workloads. Of each node only its number and its
  /// kind's are to be seen.
  ///
  /// - Parameters:
  ///   - roofline: of the second node of a kind, as a logarithm; the first one's is 0.
  ///   - truth: of the second node; the first one's is 0.
  private func nodes(roofline: (_ kind: Int) -> Double, truth: (_ kind: Int) -> Double) -> MeasuredCells {
    var cells = MeasuredCells(columnCount: 2)
    for kind in 0..<8 {
      for node in 0..<2 {
        for workload in 0..<4 {
          let row: [Float] = [Float(node), Float(kind)]
          let costs = MeasuredCells.Costs(
            roofline: node == 0 ? 0 : Float(roofline(kind)), rooflineRatio: 0,
            level: node == 0 ? 0 : Float(truth(kind)), levelWeight: 1)
          cells.append(
            MeasuredCells.Cell(
              context: Int32(cells.count), configuration: 0, hardware: Int32(kind), model: 0,
              workload: Int32(workload), isBaseline: true, baselineRow: cells.appendBaseline(row[...])),
            row[...], CostMetric.allCases.map { _ in costs })
        }
      }
    }
    return cells
  }

  /// The same with one node of each kind, and a configuration beside the default.
  ///
  /// - Parameter effects: keys of what the configuration has in common with itself elsewhere.
  private func configurations(
    roofline: (_ kind: Int) -> Double, truth: (_ kind: Int) -> Double, effects: [UInt64] = []
  ) -> MeasuredCells {
    var cells = MeasuredCells(columnCount: 2)
    for kind in 0..<8 {
      for workload in 0..<4 {
        let place = Int32(kind * 4 + workload)
        let baselineRow = cells.appendBaseline([0, Float(kind)])
        for number in 0..<2 {
          let costs = MeasuredCells.Costs(
            roofline: 0, rooflineRatio: number == 0 ? 0 : Float(roofline(kind)),
            level: number == 0 ? 0 : Float(truth(kind)), levelWeight: 1,
            ratio: number == 0 ? .nan : Float(truth(kind)), ratioWeight: number == 0 ? 0 : 1)
          cells.append(
            MeasuredCells.Cell(
              context: place, configuration: Int32(number), hardware: Int32(kind), model: 0, workload: Int32(workload),
              isBaseline: number == 0, baselineRow: baselineRow),
            [Float(number), Float(kind)], CostMetric.allCases.map { _ in costs }, effects: number == 0 ? [] : effects)
        }
      }
    }
    return cells
  }

  private func answer(_ cells: MeasuredCells, by grouping: CrossConformal.Grouping = .hardware) throws
    -> UnfamiliarAnswer
  {
    try #require(CrossConformal(CostLearner(cells: cells)).unseen(.e2e, by: grouping)).answer
  }

  // Every second kind is much better in one thing than the roofline says, and what it teaches is wrong for the others.
  private static func gap(_ kind: Int) -> Double { kind.isMultiple(of: 2) ? 2 : 0.3 }
  private static func gain(_ kind: Int) -> Double { kind.isMultiple(of: 2) ? 1.5 : 0 }

  @Test("Where what others teach misleads between nodes, the roofline says how fast a node is")
  func misledBetweenNodes() throws {
    // The first node is the faster one everywhere, and the roofline knows.
    let cells = nodes(roofline: Self.gap) { Self.gap($0) - Self.gain($0) }
    #expect(try answer(cells) == UnfamiliarAnswer(level: .roofline, ratio: .trees))
  }

  @Test("Where it misleads between configurations, the roofline says which is the better")
  func misledBetweenConfigurations() throws {
    // The configuration is the better one everywhere, and the roofline knows.
    let cells = configurations(roofline: { -Self.gap($0) }, truth: { $0.isMultiple(of: 2) ? -0.05 : -0.3 })
    #expect(try answer(cells).ratio != .trees)
  }

  @Test("Where the roofline is wrong everywhere, what a setting did elsewhere in the mean chooses well")
  func misledByBoth() throws {
    // The configuration is the better one everywhere, and the roofline says the opposite.
    let cells = configurations(
      roofline: { _ in 2 }, truth: { $0.isMultiple(of: 2) ? -0.05 : -0.3 }, effects: [1])
    let unseen = try #require(CrossConformal(CostLearner(cells: cells)).unseen(.e2e, by: .hardware))
    func regret(_ forecaster: CostLearner.Forecaster) -> Double {
      let ratios = Dictionary(uniqueKeysWithValues: zip(unseen.places, unseen.answers[forecaster]!.map(\.ratio)))
      return cells.configurationChoices(.e2e, among: unseen.places).reduce(0) { $0 + $1.regret { ratios[$0]! } }
    }
    #expect(regret(.pooled) == 0 && regret(.roofline) > 1)
  }

  @Test("Where it helps, it is used: the roofline is wrong everywhere in the same way")
  func helped() throws {
    #expect(try answer(nodes(roofline: { _ in 0.3 }, truth: { _ in -0.3 })) == .trees)
    #expect(try answer(configurations(roofline: { _ in 0.3 }, truth: { _ in -0.3 })) == .trees)
  }

  @Test("Both alike, what was learned is used; so it is in new workloads, whatever the roofline does there")
  func unclear() throws {
    #expect(try answer(nodes(roofline: { _ in 0.3 }, truth: { _ in 0.3 })) == .trees)
    #expect(try answer(nodes(roofline: Self.gap) { Self.gap($0) - Self.gain($0) }, by: .context) == .trees)
  }

  @Test("A choice's regret is that of what is foreseen to cost the least")
  func regret() {
    let choice = MeasuredChoice(cells: [(0, 1.5), (1, 1), (2, 3)])
    #expect(choice.best == 1)
    #expect(choice.regret { [2.0, 3, 9][$0] } == 0.5)
    #expect(choice.regret { [2.0, 1, 9][$0] } == 0)
  }

  @Test("Another's answer is given for models and hardware that are new, and for those alone")
  func serving() throws {
    let file = try SelectorFile(bytes: Trained.file.get().bytes, name: "test")
    var header = file.header
    for metric in header.metrics.indices {
      header.metrics[metric].newHardwareAnswer = UnfamiliarAnswer(level: .roofline, ratio: .roofline)
      header.metrics[metric].newModelAnswer = UnfamiliarAnswer(level: .trees, ratio: .roofline)
    }
    let floored = try SelectorModel(bytes: SelectorFile(header: header, trees: file.trees).bytes, name: "test")
    let model = try Trained.model()
    var (unknownHardware, unknownModel) = (SyntheticWorld.hardware[0], SyntheticWorld.targets[0])
    unknownHardware.processor = "another"
    unknownModel.id = ModelID("another")
    func both(_ m: ModelProfile, _ h: HardwareProfile) throws -> (
      table: ContextTable, learned: Foresight, own: Foresight
    ) {
      let configurations = SyntheticWorld.candidates(m, h, .chat).filter {
        $0.isApplicable && !$0.configuration.isDefault
      }
      let table = ContextTable(
        model: m, available: SyntheticWorld.models, hardware: h, workload: .chat, engine: SyntheticWorld.engine,
        configurations: configurations.map(\.configuration))
      let rows = TableRows(table: table, rows: Array(0...configurations.count))
      return (
        table, try #require(model.foresee([rows], .e2e)[0]), try #require(floored.foresee([rows], .e2e)[0])
      )
    }
    let known = try both(SyntheticWorld.targets[0], SyntheticWorld.hardware[0])
    #expect(known.own.level == known.learned.level && known.own.ratios == known.learned.ratios)

    let onNew = try both(SyntheticWorld.targets[0], unknownHardware)
    let offset = header.metrics[CostMetric.e2e.rawValue].levelOffset
    #expect(onNew.own.level.mean == onNew.table.estimates[0].logCost(.e2e) + offset)
    #expect(onNew.own.ratios.indices.allSatisfy { onNew.own.ratios[$0].mean == onNew.table.rooflineRatio($0, .e2e) })
    #expect(onNew.own.ratios[0] == .zero && onNew.own.ratios != onNew.learned.ratios)
    #expect(onNew.own.source.hasPrefix("the roofline"))
    #expect(floored.ratioParts(onNew.table, row: 1, .e2e) == nil, "the trees have no part in it")

    let ofNew = try both(unknownModel, SyntheticWorld.hardware[0])
    #expect(ofNew.own.level == ofNew.learned.level && ofNew.own.ratios != ofNew.learned.ratios)
  }

  @Test("Nodes that differ in cores alone are one kind of hardware")
  func kinds() {
    var (small, large) = (SyntheticWorld.hardware[0], SyntheticWorld.hardware[0])
    large.coreCount = 64
    large.memoryBytes *= 4
    #expect(small.kind == large.kind && small.fingerprint != large.fingerprint)
    small.accelerators = [Accelerator(name: "A", memoryBytes: 1 << 30)]
    large.accelerators = [Accelerator](repeating: Accelerator(name: "A", memoryBytes: 1 << 30), count: 8)
    #expect(small.kind == large.kind && small.kind != SyntheticWorld.hardware[0].kind)
  }
}
