import ArgumentParser
import Engines
import Foundation
import History
import Messaging
import Serving
import Worker

/// `apus doctor`: what is missing on this machine, and the command that mends it.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say what is missing on this machine and the command that mends it.",
    discussion: "Exit status 69 when something that is needed is missing.")
  @OptionGroup var options: ClientOptions

  /// One thing looked at.
  struct Check {
    enum Result {
      case good(String)
      case missing(String, mend: String)
      case absent(String, mend: String)
    }
    var name: String
    /// `missing` stops the main job; `absent` is something one may do without.
    var result: Result
  }

  func run() async throws {
    let checks = await Self.look(options)
    if options.json {
      Console.print(JSONValue.object([("checks", .array(checks.map(Self.json)))]).text)
    } else {
      for check in checks {
        switch check.result {
        case .good(let what): Console.print("ok       \(check.name): \(what)")
        case .missing(let what, let mend): Console.print("MISSING  \(check.name): \(what)\n         mend it: \(mend)")
        case .absent(let what, let mend):
          Console.print("absent   \(check.name): \(what)\n         if you want it: \(mend)")
        }
      }
    }
    let missing = checks.filter { if case .missing = $0.result { true } else { false } }
    if !missing.isEmpty {
      throw ApusError(
        .unavailable,
        "\(missing.count) of the things needed are missing: \(missing.map(\.name).joined(separator: ", "))")
    }
  }

  private static func look(_ options: ClientOptions) async -> [Check] {
    let directory = options.directory
    var checks: [Check] = []
    func check(_ name: String, _ mend: String, needed: Bool = true, _ look: () async throws -> String) async {
      do {
        checks.append(Check(name: name, result: .good(try await look())))
      } catch {
        let what = (error as? ApusError)?.reason ?? "\(error)"
        checks.append(Check(name: name, result: needed ? .missing(what, mend: mend) : .absent(what, mend: mend)))
      }
    }
    await check("state directory", "mkdir -p \(directory.path), as the user that runs Apus") {
      guard access(directory.path, W_OK) == 0 else {
        throw ApusError(.disk, "\(directory.path) is not there or not writable")
      }
      let space = try FileManager.default.attributesOfFileSystem(forPath: directory.path)[.systemFreeSize]
      let free = (space as? NSNumber)?.intValue ?? 0
      guard free > 1 << 30 else {
        throw ApusError(.disk, "only \(Figures.bytes(free)) free at \(directory.path)")
      }
      return "\(directory.path), \(Figures.bytes(free)) free"
    }
    await check("engine guard", "build it: Deploy/build apus-engine-guard") {
      try EngineInstallation.standard(stateDirectory: directory.path).guardPath
    }
    await check("memory limit", "let the worker make control groups: as root, or by Delegate=memory", needed: false) {
      let guardPath = try EngineInstallation.standard(stateDirectory: directory.path).guardPath
      return try await HardLimitProbe.look(guardPath: guardPath)
    }
    if let installation = try? EngineInstallation.standard(stateDirectory: directory.path) {
      let engines = EngineCatalogue.all(installation)
      var hasEngine = false
      for engine in engines { hasEngine = await engine.detect() != nil || hasEngine }
      if !hasEngine {
        await check("an engine", "Deploy/engines/llamacpp/install \(directory.path), or another one of those below") {
          throw ApusError(.unavailable, "none is installed in \(directory.path)/engines")
        }
      }
      for engine in engines {
        // One engine is enough to work with.
        await check("engine \(engine.name)", "Deploy/engines/\(engine.name)/install \(directory.path)", needed: false) {
          guard let here = await engine.detect() else {
            throw ApusError(.unavailable, "not installed in \(directory.path)/engines")
          }
          return here.version
        }
      }
      await check(
        "GPU", "install NVIDIA's driver and CUDA toolkit, then Deploy/engines/llamacpp-native/install", needed: false
      ) {
        let names = await Capabilities.accelerators().map(\.name)
        guard !names.isEmpty else { throw ApusError(.unavailable, "nvidia-smi shows none") }
        var computing: [String] = []
        for engine in engines where await engine.detect() != nil {
          if await engine.computesOnAccelerators() { computing.append(engine.name.rawValue) }
        }
        guard !computing.isEmpty else {
          throw ApusError(.unavailable, "\(names.joined(separator: ", ")), which no installed engine computes on")
        }
        return "\(names.joined(separator: ", ")), for \(computing.joined(separator: ", "))"
      }
    }
    await check("keys", "apus keys generate client --role client --state \(directory.path)") {
      let keys = try KeyRing(directory: directory.keys).list()
      guard !keys.isEmpty else { throw ApusError(.unavailable, "no key is allowed in \(directory.keys)") }
      return "\(keys.count) allowed"
    }
    await check("models", "apus model add FILE.gguf --state \(directory.path), or apus model synthesize") {
      let models = try ModelLibrary(directory: directory.models).scan()
      guard !models.isEmpty else { throw ApusError(.unavailable, "no model in \(directory.models)") }
      return models.map(\.name).joined(separator: ", ")
    }
    await check("history", "apus benchmark, or apus history import FILE.csv", needed: false) {
      guard FileManager.default.fileExists(atPath: directory.history) else {
        throw ApusError(.unavailable, "nothing was measured yet")
      }
      let store = try SQLiteHistoryStore(path: directory.history)
      let stats = try await store.stats()
      await store.close()
      return "\(stats.measurementCount) measurements"
    }
    await check("coordinator", "apus coordinator --state \(directory.path)", needed: false) {
      let client = try await options.connect()
      await client.close()
      return try options.address()
    }
    return checks
  }

  private static func json(_ check: Check) -> JSONValue {
    let (state, what, mend): (String, String, String?) =
      switch check.result {
      case .good(let what): ("good", what, nil)
      case .missing(let what, let mend): ("missing", what, mend)
      case .absent(let what, let mend): ("absent", what, mend)
      }
    return .object([
      ("name", .string(check.name)), ("state", .string(state)), ("found", .string(what)), ("mend", JSONValue(mend)),
    ])
  }
}
