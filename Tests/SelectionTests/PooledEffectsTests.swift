import Learning
import Serving
import Testing

@testable import Selection

@Suite(
  "What settings do is pooled over models, hardware and workloads, and serves where too few are known to learn more")
struct PooledEffectsTests {
  private static let chat = Workload.chat

  private func keys(_ model: ModelProfile, _ workload: Workload = chat) -> EffectKeys {
    EffectKeys(model: model, hardware: SyntheticWorld.hardware[0], workload: workload)
  }

  private static func setting(slots: Int) -> EngineConfiguration {
    EngineConfiguration(engine: SyntheticWorld.engine, knobs: [.slotCount: .int(slots)])
  }

  /// Cells of one setting on some models, each with its gain.
  private func effects(_ gains: [(model: ModelProfile, gain: Double)], weight: Double = 1) -> PooledEffects {
    var cells = MeasuredCells(columnCount: 1)
    for (place, known) in gains.enumerated() {
      let own = keys(known.model)
      cells.append(
        MeasuredCells.Cell(
          context: Int32(place), configuration: 0, hardware: 0, model: Int32(place), workload: 0, isBaseline: false,
          baselineRow: cells.appendBaseline([0])), [0],
        CostMetric.allCases.map { _ in MeasuredCells.Costs(roofline: 0, rooflineRatio: 0) },
        effects: [own.context] + own.of(Self.setting(slots: 4)))
    }
    let rows = gains.indices.map {
      PooledEffects.Row(effects: cells.effects($0), target: gains[$0].gain, weight: weight)
    }
    return PooledEffects(
      PooledEffects.fit(rows, effectCount: cells.effectKeys.count), keys: cells.effectKeys)
  }

  @Test("A model nobody measured gets what the others have in common; a known one what it did itself")
  func newModel() {
    let targets = SyntheticWorld.targets
    let effects = effects([(targets[0], -0.5), (targets[1], -0.1), (targets[2], -0.3)])
    func foreseen(_ model: ModelProfile) -> Double { effects.sum(of: keys(model).of(Self.setting(slots: 4))) }
    #expect((-0.3...(-0.24)).contains(foreseen(targets[3])), "pulled to none a little: \(foreseen(targets[3]))")
    #expect(foreseen(targets[0]) < foreseen(targets[3]) && foreseen(targets[3]) < foreseen(targets[1]))
  }

  @Test("One measurement says less than many, and a doubtful one less still")
  func shrinkage() {
    let target = SyntheticWorld.targets[0]
    func foreseen(_ effects: PooledEffects) -> Double {
      effects.sum(of: keys(SyntheticWorld.targets[3]).of(Self.setting(slots: 4)))
    }
    let one = foreseen(effects([(target, -0.4)]))
    let doubtful = foreseen(effects([(target, -0.4)], weight: 0.1))
    let many = foreseen(effects(SyntheticWorld.targets.prefix(4).map { ($0, -0.4) }))
    #expect(-0.4 < many && many < one && one < doubtful && doubtful < 0)
  }

  @Test("What another setting, or the same in another workload, did says less; what has nothing in common nothing")
  func relatives() {
    let effects = effects(SyntheticWorld.targets.prefix(4).map { ($0, -0.4) })
    let new = SyntheticWorld.targets[4]
    let same = effects.sum(of: keys(new).of(Self.setting(slots: 4)))
    let elsewhere = effects.sum(of: keys(new, .longPrompt).of(Self.setting(slots: 4)))
    let other = effects.sum(of: keys(new).of(Self.setting(slots: 8)))
    let unlike = effects.sum(
      of: keys(new).of(EngineConfiguration(engine: SyntheticWorld.engine, knobs: [.flashAttention: .bool(false)])))
    #expect(same < elsewhere && elsewhere < 0 && same < other && other < 0 && unlike == 0)
  }

  @Test("Bytes give the same effects, and others are refused")
  func bytes() throws {
    let effects = effects([(SyntheticWorld.targets[0], -0.5), (SyntheticWorld.targets[1], 0.2)])
    let bytes = effects.bytes
    #expect(!bytes.isEmpty && PooledEffects(bytes: bytes[...]) == effects)
    #expect(PooledEffects(bytes: bytes.dropLast()) == nil)
    #expect(PooledEffects(bytes: ([UInt8](repeating: 1, count: 8) + [0, 0, 0x80, 0x7f])[...]) == nil, "infinite")
  }

  @Test("With two families of models a third one's choices go by pooled effects; with five trees may have learned more")
  func fewModels() throws {
    let world = SyntheticWorld()
    let few = try SelectorTrainer.train(
      world.history(models: Array(SyntheticWorld.targets.prefix(2)), workloads: [.chat, .concurrent]),
      models: SyntheticWorld.models
    ).model
    for metric in few.header.metrics { #expect(metric.newModelAnswer == .untestedModel) }
    let m = SyntheticWorld.targets[3]
    let candidates = SyntheticWorld.candidates(m, SyntheticWorld.hardware[0], .chat).filter {
      $0.isApplicable && !$0.configuration.isDefault
    }
    let table = ContextTable(
      model: m, available: SyntheticWorld.models, hardware: SyntheticWorld.hardware[0], workload: .chat,
      engine: SyntheticWorld.engine, configurations: candidates.map(\.configuration))
    let rows = TableRows(table: table, rows: Array(0...candidates.count))
    let foresight = try #require(few.foresee([rows], .e2e)[0])
    #expect(foresight.source.contains("in the mean elsewhere") && foresight.ratios[0] == .zero)
    #expect(few.ratioParts(table, row: 1, .e2e) == nil, "the trees have no part in it")
    let trust = few.header.metrics[CostMetric.e2e.rawValue].rooflineTrust
    #expect(
      foresight.ratios.indices.dropFirst().contains {
        abs(foresight.ratios[$0].mean - trust * table.rooflineRatio($0, .e2e)) > 0.02
      }, "something was learned")
  }

  @Test("Among configurations the default stays what the others are compared with")
  func defaultAmongOthers() throws {
    let model = try Trained.model()
    let (m, h) = (SyntheticWorld.targets[0], SyntheticWorld.hardware[0])
    let configurations = SyntheticWorld.candidates(m, h, .chat).filter(\.isApplicable).map(\.configuration)
    let table = ContextTable(
      model: m, available: SyntheticWorld.models, hardware: h, workload: .chat, engine: SyntheticWorld.engine,
      configurations: configurations.filter { !$0.knobs.isEmpty })
    let rows = TableRows(table: table, rows: Array(configurations.indices))
    let ratios = try #require(model.foresee([rows], .e2e)[0]).ratios.map(\.mean)
    func choice(_ configurations: [EngineConfiguration]) -> EngineConfiguration {
      configurations[
        model.choice(
          among: configurations, for: m, available: SyntheticWorld.models, on: h, .chat, objective: .e2e)]
    }
    let others = table.configurations.indices.dropFirst()
    let best = others.min { ratios[$0] < ratios[$1] }!
    let expected = ratios[best] < 0 ? best : 0
    #expect(choice(configurations) == table.configurations[expected])
    #expect(choice(configurations.reversed()) == table.configurations[expected])
    // With those alone that are foreseen to be slower.
    let slower = others.filter { ratios[$0] > 0 }
    try #require(!slower.isEmpty)
    #expect(
      choice(slower.map { table.configurations[$0] } + [EngineConfiguration(engine: SyntheticWorld.engine)]).knobs
        .isEmpty)
  }
}
