import Foundation
import Serving
import TestKit
import Testing
import Yams

@testable import Engines

/// Launches written down: what is read back from each format is the launch, whatever characters are in it.
@Suite("LaunchDocument") struct LaunchDocumentTests {
  /// Words that mean something to a shell, to systemd, to Kubernetes or to YAML.
  private static let words = [
    "plain-word_1.2/x:y,z@%+=", "", " ", "two words", "it's", "\"double\"", "back\\slash", "$HOME", "${HOME}", "$(id)",
    "`id`", "%h", "100%", "*", "~", "a;b", "a&b", "a|b", "#no comment", "new\nline", "tab\there", "{\"json\": [1, 2]}",
    "é漢字🦜", "- dash", "key: value", "!bang", "yes", "null",
  ]

  private static func document(
    command: [String] = ["/usr/bin/env"] + words, environment: [String: String] = ["OMP_WAIT_POLICY": "passive"],
    accelerators: Int = 0
  ) -> LaunchDocument {
    LaunchDocument(
      launch: EngineLaunch(
        engine: EngineDescription(name: EngineName("llamacpp"), version: "1 \"quoted\""), command: command,
        environment: environment, host: "0.0.0.0", port: 8081, healthPath: "/health", startTimeoutSeconds: 120,
        modelPaths: ["/data/models/a b.gguf", "/data/models/draft.gguf"], engineDirectory: "/data/engines/llamacpp",
        coreCount: 2, memoryBytes: 200 << 20, memoryLimitBytes: 250 << 20, acceleratorCount: accelerators),
      configuration: EngineConfiguration(engine: EngineName("llamacpp"), knobs: [.slotCount: .int(4)]),
      model: "Dense_Q8.0", worker: WorkerName("worker-1"))
  }

  private static func run(_ arguments: [String]) throws -> (status: Int32, output: Data) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: arguments[0])
    process.arguments = Array(arguments.dropFirst())
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  /// A real shell runs the line, and the program gets exactly the words and the environment.
  @Test func theShellReadsTheWordsBack() throws {
    let program =
      "import os,sys;sys.stdout.buffer.write(b'\\0'.join([os.environb[b'A']]+[os.fsencode(w) for w in sys.argv[1:]]))"
    let environment = ["A": "it's $HOME \"here\"\nand there"]
    let document = Self.document(command: ["python3", "-I", "-c", program] + Self.words, environment: environment)
    let line = document.text(.command)
    #expect(line.hasSuffix("\n"))
    let (status, output) = try Self.run(["/bin/sh", "-c", line])
    #expect(status == 0, "\(String(decoding: output, as: UTF8.self))")
    let back = output.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    #expect(back == [environment["A"]!] + Self.words)
  }

  private static let systemd = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// systemd itself finds nothing to object to.
  @Test(.enabled(if: systemd != nil, "systemd-analyze is not on this machine"))
  func systemdTakesTheUnit() throws {
    let path = FileManager.default.temporaryDirectory.path + "/apus-unit-\(UUID().uuidString).service"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let unit = Self.document().text(.systemd)
    try unit.write(toFile: path, atomically: true, encoding: .utf8)
    let (status, output) = try Self.run([try #require(Self.systemd), "verify", path])
    let said = String(decoding: output, as: UTF8.self)
    // It also says what is wrong with the machine's other units; ours is named by its file.
    let ours = said.split(separator: "\n").filter { $0.contains("apus-unit-") }
    #expect(ours.isEmpty && (status == 0 || !said.contains("apus-unit-")), "\(said)\n\(unit)")
  }

  /// A unit that is wrong is found: the check above can fail.
  @Test(.enabled(if: systemd != nil, "systemd-analyze is not on this machine"))
  func systemdRefusesAWrongUnit() throws {
    let path = FileManager.default.temporaryDirectory.path + "/apus-unit-\(UUID().uuidString).service"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let unit = Self.document().text(.systemd).replacing("ExecStart=\"/usr/bin/env\"", with: "ExecStart=\"env\\q")
    try unit.write(toFile: path, atomically: true, encoding: .utf8)
    let (_, output) = try Self.run([try #require(Self.systemd), "verify", path])
    #expect(String(decoding: output, as: UTF8.self).contains("apus-unit-"))
  }

  /// Specifiers and variables are doubled where systemd would replace them, and only there.
  @Test func systemdQuoting() {
    #expect(SystemdUnit.quoted("100% of $X \"a\\b\"\n", isCommand: true) == #""100%% of $$X \"a\\b\"\n""#)
    #expect(SystemdUnit.quoted("100% of $X", isCommand: false) == #""100%% of $X""#)
    let unit = Self.document().text(.systemd)
    #expect(unit.contains("MemoryMax=250M"))
    #expect(unit.contains("Environment=\"OMP_WAIT_POLICY=passive\"\nExecStart=\"/usr/bin/env\" \"plain-word"))
    #expect(unit.contains("http://0.0.0.0:8081/health"))
  }

  /// The manifest is YAML that says the launch; Kubernetes' own `$(NAME)` is kept from being replaced.
  @Test func theManifestReadsBack() throws {
    let text = Self.document(accelerators: 2).text(.k8s)
    let documents = try Yams.load_all(yaml: text).compactMap { $0 as? [String: Any] }
    try #require(documents.count == 2, "\(text)")
    let (deployment, service) = (documents[0], documents[1])
    #expect(deployment["kind"] as? String == "Deployment" && service["kind"] as? String == "Service")
    func value(_ root: Any?, _ path: Any...) -> Any? {
      path.reduce(root) { node, key in
        switch key {
        case let name as String: (node as? [String: Any])?[name]
        case let index as Int: (node as? [Any])?.dropFirst(index).first
        default: nil
        }
      }
    }
    #expect(value(deployment, "metadata", "name") as? String == "llamacpp-dense-q8-0")
    let pod = value(deployment, "spec", "template", "spec")
    let container = value(pod, "containers", 0)
    let command = value(container, "command") as? [String]
    #expect(command == ["/usr/bin/env"] + Self.words.map { $0.replacing("$(", with: "$$(") })
    #expect(value(container, "env", 0, "value") as? String == "passive")
    #expect(value(container, "ports", 0, "containerPort") as? Int == 8081)
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
      #expect(value(container, probe, "httpGet", "path") as? String == "/health", "\(probe)")
    }
    #expect(value(container, "startupProbe", "failureThreshold") as? Int == 60, "120 s, every 2 s")
    #expect(value(container, "resources", "requests", "memory") as? String == "200Mi")
    #expect(value(container, "resources", "requests", "cpu") as? String == "2")
    #expect(value(container, "resources", "limits", "memory") as? String == "250Mi")
    #expect(value(container, "resources", "limits", "nvidia.com/gpu") as? String == "2")
    let paths = (value(pod, "volumes") as? [Any])?.compactMap { value($0, "hostPath", "path") as? String }
    #expect(paths == ["/data/engines/llamacpp", "/data/models"])
    let mounts = (value(container, "volumeMounts") as? [Any])?.compactMap { value($0, "mountPath") as? String }
    #expect(mounts == paths)
    #expect(value(service, "spec", "ports", 0, "port") as? Int == 8081)
    #expect(value(service, "spec", "selector", "app") as? String == "llamacpp-dense-q8-0")
    // What the user must decide is named at the top, and nowhere else is anything left open.
    #expect(value(container, "image") as? String == KubernetesManifest.imagePlaceholder)
    #expect(
      value(pod, "nodeSelector", "kubernetes.io/hostname") as? String == KubernetesManifest.nodePlaceholder)
  }

  @Test func withoutGPUsNoneAreAsked() throws {
    #expect(!Self.document().text(.k8s).contains("nvidia.com"))
  }

  /// The packaged llama.cpp takes the address it is told, which it otherwise chooses itself.
  @Test func publishedAddress() throws {
    let engine = LlamaCppEngine(EngineInstallation(stateDirectory: "/state", guardPath: "/guard"))
    var request = LaunchRequest(
      modelPath: "/m.gguf", model: .scripted,
      configuration: EngineConfiguration(engine: EngineName("llamacpp")), coreCount: 2, contextTokens: 256, port: 9000,
      host: "0.0.0.0")
    #expect(try !engine.launchPlan(request).command[2].contains("9000"))
    request.isPublished = true
    let plan = try engine.launchPlan(request)
    #expect(plan.command[2].contains(#""hostnames":["0.0.0.0"]"#) && plan.command[2].contains(#""port":9000"#))
    #expect(plan.engineDirectory == "/state/engines/llamacpp" && plan.healthPath == "/health")
  }
}
