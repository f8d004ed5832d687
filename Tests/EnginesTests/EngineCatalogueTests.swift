import Engines
import Foundation
import Serving
import TestKit
import Testing

@Suite("The list of engines is the folder of adapters, and every one keeps the contract")
struct EngineCatalogueTests {
  private static let checkout = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  private static let engines = EngineCatalogue.all(
    EngineInstallation(stateDirectory: "/state", guardPath: "/guard"))

  @Test("Each adapter of the folder is one engine of the list")
  func folderAndListAgree() throws {
    let files = try FileManager.default.contentsOfDirectory(
      atPath: Self.checkout + "/Sources/Engines/Adapters")
    let adapters = files.filter { $0.hasSuffix("Engine.swift") }.map { String($0.dropLast(".swift".count)) }
    let types = Self.engines.map { String(describing: type(of: $0)) }
    #expect(Set(types).isSubset(of: Set(adapters)))
    #expect(Set(types).count == types.count)
    // An attached server is no engine of this machine: its adapter is made for each, and is in no list.
    #expect(Set(adapters).subtracting(types).isSubset(of: ["AttachedEngine"]))
  }

  @Test("Each engine has its installer, or is one that users of GPUs install themselves and we only checked")
  func installers() {
    for engine in Self.engines {
      let folder = "\(Self.checkout)/Deploy/engines/\(engine.name)"
      let isInstalledHere = FileManager.default.isExecutableFile(atPath: folder + "/install")
      let isCompared = FileManager.default.fileExists(atPath: folder + "/options.py")
      #expect(isInstalledHere || isCompared, "\(folder)")
    }
  }

  @Test(arguments: engines.map(\.name)) func contract(name: EngineName) throws {
    try InferenceEngineContract.check(try #require(Self.engines.first { $0.name == name }))
  }

  /// The suite itself can fail: an engine that takes every knob, or claims a method it has no knob for, breaks it.
  @Test func brokenEngineIsFound() {
    #expect(throws: ContractViolation.self) {
      try InferenceEngineContract.check(ScriptedEngine(knobs: [.slotCount]))
    }
  }

  @Test("README.md has the table of engines and methods as the code has it")
  func table() throws {
    let readme = try String(contentsOfFile: Self.checkout + "/README.md", encoding: .utf8)
    let start = "<!-- methods: made by `apus methods --table` -->\n"
    let from = try #require(readme.range(of: start)?.upperBound)
    let to = try #require(readme.range(of: "\n<!-- end of methods -->", range: from..<readme.endIndex)?.lowerBound)
    let made = MethodTable.markdown(Self.engines)
    #expect(
      readme[from..<to] == made,
      "README.md is behind: put the output of `apus methods --table` between the two marks")
  }
}
