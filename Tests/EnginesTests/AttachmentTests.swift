import Engines
import Foundation
import Serving
import TestKit
import Testing

/// What `--attach` says, read; and what it becomes in the history.
@Suite("Attachment") struct AttachmentTests {
  @Test func readsEveryPart() throws {
    let attachment = try Attachment(
      parsing: "big=https://llm.example:8443/openai/v1/,model=dense-q8_0,served=a/b,key=/k")
    #expect(
      attachment
        == Attachment(
          name: "big", baseURL: "https://llm.example:8443/openai", model: "dense-q8_0", served: "a/b", keyFile: "/k"))
    #expect(attachment.host == "llm.example" && attachment.port == 8443 && !attachment.isLoopback)
  }

  @Test(arguments: [
    ("a=http://10.0.0.5:8000", "a@10.0.0.5:8000"), ("a=http://10.0.0.5", "a@10.0.0.5:80"),
    ("a=https://x.example", "a@x.example:443"), ("a=http://127.0.0.1:8000/v1", "a@worker-1:8000"),
    ("a=http://localhost:1", "a@worker-1:1"), ("a=http://[::1]:2", "a@worker-1:2"),
    ("a=http://[fd00::7]:2", "a@fd00::7:2"),
  ]) func serverIsOneEngine(text: String, name: String) throws {
    #expect(try Attachment(parsing: text).engineName(on: WorkerName("worker-1")).rawValue == name)
  }

  @Test(arguments: [
    "", "big", "=http://h:1", "big=", "big=h:1", "big=ftp://h:1", "big=http://", "big=http://h:99999", "big=http://h:0",
    "a b=http://h:1", "big=http://h:1,model", "big=http://h:1,color=red", "big=http://h:1 x", "big=http://user@h:1",
  ]) func refusesWithTheText(text: String) {
    #expect { try Attachment(parsing: text) } throws: { error in
      let error = error as? ApusError
      return error?.code == .usage && error?.reason.contains("`\(text)`") == true && error?.advice.isEmpty == false
    }
  }

  /// The id of a model that is known by name only is the same tomorrow, and another for another server or name.
  @Test func servedNameIsAModel() throws {
    let first = try Attachment(parsing: "big=http://10.0.0.5:8000")
    let other = try Attachment(parsing: "big=http://10.0.0.6:8000")
    let worker = WorkerName("w")
    let model = first.profile(ofServed: "meta/Llama 3", contextLength: 8192, on: worker)
    #expect(model == first.profile(ofServed: "meta/Llama 3", contextLength: 8192, on: WorkerName("other")))
    #expect(model.name == "meta-Llama-3@big" && model.contextLength == 8192 && !model.hasKnownWeights)
    #expect(model.id.rawValue.count == 64)
    #expect(model.id != other.profile(ofServed: "meta/Llama 3", contextLength: 8192, on: worker).id)
    #expect(model.id != first.profile(ofServed: "meta/Llama 4", contextLength: 8192, on: worker).id)
  }

  /// A key is one line, and no print of it shows it.
  @Test func keyIsReadAndHidden() throws {
    let folder = TemporaryFolder()
    let key = try APIKey(readingFrom: folder.write(Array("sk-secret\nrest".utf8), as: "key"))
    #expect(key.authorization == "Bearer sk-secret")
    var shown = ""
    dump(ServedModel(baseURL: "u", name: "m", apiKey: key), to: &shown)
    #expect(!"\(key) \(String(reflecting: key)) \(shown)".contains("secret"))
    for (name, bytes) in [("empty", []), ("space", Array("a b".utf8)), ("long", [UInt8](repeating: 65, count: 5000))] {
      #expect { try APIKey(readingFrom: folder.write(bytes, as: name)) } throws: {
        ($0 as? ApusError)?.code == .badInput
      }
    }
    #expect(throws: ApusError.self) { try APIKey(readingFrom: "/no/such/key") }
  }

  /// Its plan starts nothing, and no knob can be said.
  @Test func planAttaches() throws {
    let served = ServedModel(baseURL: "http://h:1", name: "m")
    let model = try Attachment(parsing: "a=http://h:1").profile(ofServed: "m", contextLength: 0, on: WorkerName("w"))
    let engine = AttachedEngine(name: EngineName("a@h:1"), version: "attached x", models: [model.id: served])
    func request(_ knobs: [KnobName: KnobValue], _ model: ModelProfile) -> LaunchRequest {
      LaunchRequest(
        modelPath: "", model: model, configuration: EngineConfiguration(engine: engine.name, knobs: knobs),
        coreCount: 1,
        port: 1)
    }
    let plan = try engine.launchPlan(request([:], model))
    #expect(plan.server == served && plan.command.isEmpty)
    #expect(throws: ApusError.self) { try engine.launchPlan(request([.threadCount: .int(2)], model)) }
    #expect(throws: ApusError.self) { try engine.launchPlan(request([:], .unknown(ModelID("other")))) }
  }
}
