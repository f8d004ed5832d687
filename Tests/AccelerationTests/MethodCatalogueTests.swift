import Acceleration
import Foundation
import Serving
import Testing

@Suite("The list of methods is the folder of methods")
struct MethodCatalogueTests {
  @Test("Each file in Methods is one method of the list, and each method has its file")
  func folderAndListAgree() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../Sources/Acceleration/Methods")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".swift") }.map { String($0.dropLast(6)) }
    let types = MethodCatalogue.all.map { String(describing: type(of: $0)) }
    #expect(Set(files) == Set(types))
    #expect(types.count == Set(types).count)
  }

  @Test("Names are unique, spelled for a command line, and found again")
  func names() {
    let names = MethodCatalogue.all.map(\.name)
    #expect(names.count == Set(names).count)
    for name in names {
      #expect(name.rawValue.allSatisfy { $0.isLowercase || $0 == "-" }, "\(name)")
      #expect(MethodCatalogue.named(name)?.name == name)
    }
    #expect(MethodCatalogue.named(MethodName("no-such")) == nil)
  }

  @Test("A configuration promises what the least exact of its methods does, and the default is exact")
  func promises() {
    let base = EngineConfiguration(engine: EngineName("llamacpp"))
    #expect(MethodCatalogue.fidelity(of: base) == .exact)
    for method in MethodCatalogue.all {
      #expect(MethodCatalogue.fidelity(of: base.adding(method.name, [:])) == method.fidelity)
    }
    let both = base.adding(MethodName("thread-count"), [:]).adding(MethodName("weight-quantization"), [:])
    #expect(MethodCatalogue.fidelity(of: both) == .approximate)
    #expect(MethodCatalogue.fidelity(of: base.adding(MethodName("from-a-newer-version"), [:])) == .approximate)
  }

  @Test("Every method answers in every context, and sets only the knobs it declares")
  func answers() {
    let contexts = [
      Fixture.context(), Fixture.context(workload: .chat), Fixture.context(available: []),
      Fixture.context(hardware: Fixture.hardware(cores: 1)),
      Fixture.context(workload: .sharedPrefix),
      Fixture.context(
        hardware: Fixture.hardware(accelerators: [Accelerator(name: "gpu", memoryBytes: 1 << 34)])),
    ]
    for method in MethodCatalogue.all {
      for context in contexts {
        let settings = method.settings(in: context)
        #expect(!settings.isEmpty, "\(method.name)")
        for setting in settings {
          #expect(Set(setting.knobs.keys).isSubset(of: method.knobs), "\(method.name)")
          if setting.refusedReason == nil { #expect(!setting.knobs.isEmpty, "\(method.name)") }
        }
      }
      #expect(!method.summary.isEmpty && method.summary.hasSuffix("."))
    }
  }
}
