import Benchmarking
import Engines
import Serving
import TestKit
import Testing

@Suite("EngineHost") struct EngineHostTests {
  /// Slots that outlive an engine are added where its engine has such a thing and the configuration leaves room for it.
  @Test func restoringSlots() throws {
    func restoring(_ able: Set<KnobName>, _ knobs: [KnobName: KnobValue]) throws -> [KnobName: KnobValue] {
      let engine = ScriptedEngine(knobs: able)
      return try scriptedHost(engine).restoringSlots(EngineConfiguration(engine: engine.name, knobs: knobs)).knobs
    }
    let able: Set<KnobName> = [.slotStore, .prefixCaching]
    #expect(try restoring(able, [:]) == [.slotStore: .bool(true)])
    #expect(try restoring(able, [.slotStore: .bool(false)]) == [.slotStore: .bool(false)])
    #expect(try restoring(able, [.prefixCaching: .bool(false)]) == [.prefixCaching: .bool(false)])
    #expect(try restoring([.prefixCaching], [:]) == [:])
    let engine = ScriptedEngine(knobs: able)
    let kept = try scriptedHost(engine).restoringSlots(EngineConfiguration(engine: engine.name))
    #expect(kept.methods == [MethodName("slot-restore")])
  }
}
