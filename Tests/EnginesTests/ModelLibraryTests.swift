import Engines
import Foundation
import Serving
import TestKit
import Testing

/// Puts small model files into a folder and looks at what the library sees.
@Suite("ModelLibrary") struct ModelLibraryTests {
  private let folder = TemporaryFolder()
  private var library: ModelLibrary { ModelLibrary(directory: folder.path) }

  @Test func findsModelsAndNamesTheUnusable() throws {
    folder.write(GGUFBytes().bytes, as: "b.gguf")
    var other = GGUFBytes()
    other.set("general.name", .text("other"))
    folder.write(other.bytes, as: "a.gguf")
    folder.write(Array("no model".utf8), as: "broken.gguf")
    folder.write([], as: "notes.txt")
    let library = library
    let models = try library.scan()
    #expect(models.map(\.name) == ["a", "b"])
    #expect(library.path(of: models[0].id) == "\(folder.path)/a.gguf")
    #expect(library.profile(of: models[1].id) == models[1])
    #expect(library.path(of: ModelID("unknown")) == nil)
    #expect(library.refusals.map(\.path) == ["\(folder.path)/broken.gguf"])
  }

  /// The index is used while a file is the same, and not when it changed, the index is damaged, or a file is gone.
  @Test func indexIsUsedWhileFilesAreTheSame() throws {
    let path = folder.write(GGUFBytes().bytes, as: "model.gguf")
    let index = "\(folder.path)/index.json"
    let first = try library.scan()
    let text = try String(contentsOfFile: index, encoding: .utf8)
    // A mark in the index that only a reader of the index can see.
    try text.replacing("\"architecture\" : \"llama\"", with: "\"architecture\" : \"marked\"")
      .write(toFile: index, atomically: true, encoding: .utf8)
    #expect(try library.scan().first?.architecture == "marked")

    var changed = GGUFBytes()
    changed.set("general.name", .text("changed"))
    try FileManager.default.removeItem(atPath: path)
    folder.write(changed.bytes, as: "model.gguf")
    let second = try library.scan()
    #expect(second.first?.architecture == "llama")
    #expect(second.first?.id != first.first?.id)

    try "{".write(toFile: index, atomically: true, encoding: .utf8)
    #expect(try library.scan() == second)
    try FileManager.default.removeItem(atPath: path)
    #expect(try library.scan().isEmpty)
  }

  @Test func equalFilesAreOneModel() throws {
    for name in ["x.gguf", "y.gguf"] { folder.write(GGUFBytes().bytes, as: name) }
    #expect(try library.scan().map(\.name) == ["x"])
  }

  @Test func addLinksAFileFromElsewhere() throws {
    let elsewhere = TemporaryFolder()
    let path = elsewhere.write(GGUFBytes().bytes, as: "original.gguf")
    let library = ModelLibrary(directory: folder.path + "/new")
    let profile = try library.add(path: path, name: "mine")
    #expect(profile.name == "mine")
    #expect(library.models.map(\.name) == ["mine"])
    #expect(try library.add(path: path).name == "mine", "adding a model again gives what is there")

    var other = GGUFBytes()
    other.set("general.name", .text("other"))
    let otherPath = elsewhere.write(other.bytes, as: "other.gguf")
    #expect { try library.add(path: otherPath, name: "mine") } throws: { ($0 as? ApusError)?.code == .badInput }
    for name in ["../up", "", ".hidden", "a b"] {
      #expect { try library.add(path: otherPath, name: name) } throws: { ($0 as? ApusError)?.code == .badInput }
    }
    // The owner removed the original: the library says so instead of failing.
    try FileManager.default.removeItem(atPath: path)
    #expect(try library.scan().isEmpty)
    #expect(library.refusals.count == 1)
  }

  @Test func noFolderIsNoModels() throws {
    #expect(try ModelLibrary(directory: "/no/such/folder").scan().isEmpty)
  }
}
