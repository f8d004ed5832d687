public import Engines
public import Serving

/// What a worker can be told, in a file, by environment or by flags. Every default works; names end in their unit.
///
/// Deploy/config/worker.yaml lists every option; a test compares the two.
public struct WorkerConfiguration: Hashable, Sendable {
  /// The name its key is authorized under at the coordinator.
  public var name = "worker"
  /// The coordinator's address, such as `tcp://10.0.0.1:7700`. Empty for the one running on this state directory.
  public var coordinator = ""
  /// The coordinator's public key (40 characters). Empty for `keys/coordinator.pub` in the state directory.
  public var serverKey = ""
  /// The state directory of this node: keys, engines, models.
  public var state = ".apus"
  /// Model files. Empty for `models` in the state directory.
  public var models = ""
  /// Cores for this worker and its engines, such as `0-3,8`. Empty for all that it may use.
  public var cores = CPUList([])
  /// Engines to offer, separated by commas. Empty for every one that is installed.
  public var engines: [EngineName] = []
  /// Servers the user already runs, offered as engines: NAME=URL[,model=MODEL][,served=NAME][,key=FILE] each.
  public var attachments: [Attachment] = []
  /// How often attached servers are asked whether they are there and what they serve, 100 to 3600000 ms.
  public var attachCheckMS = 10_000
  /// How often the models' folder is looked at, 100 to 3600000 ms. A file that is new is offered once it stands still.
  public var modelCheckMS = 10_000
  /// Jobs at once, 1 to 1024; more are refused and go to another worker.
  public var jobCapacity = 4
  /// Engines kept loaded for the next job, 1 to 64. The longest unused one makes room for another.
  public var warmEngineCount = 2
  /// Share of the memory this worker may use that its engines may take, above 0, at most 1.
  public var engineMemoryShare = 0.8
  /// How the memory limit of an engine is held: `auto`, `cgroup`, `data` or `watch`.
  public var memoryGuard = MemoryGuard.auto
  /// What an hour of this node costs, above 0, in a currency that is the same for all nodes. Nil when nobody says: its
  /// cost is then not compared.
  public var pricePerHour: Double?
  /// Where other nodes offer their memory with `ggml-rpc-server`, `HOST:PORT` each, separated by commas. Empty when none
  /// does: no model is then spread over nodes.
  public var rpcServers: [String] = []
  /// Where experts are hosted for other workers, `tcp://HOST:PORT` as they reach this machine; PORT may be `*`. Empty: on a
  /// loopback address where the coordinator is on one, else nowhere.
  public var experts = ""
  /// GEMM rate of a slower machine that this worker plays where it hosts experts, above 0; nil plays none. For tests of unequal
  /// workers on one machine.
  public var expertGFLOPPerS: Double?
  /// Whether jobs' engines keep their slots on disk when they are unloaded, and take them up at their next start, where
  /// the engine can. What was in prompts is then in files below the state directory.
  public var restoresSlots = false
  /// Where the kernel's energy counters of the processor packages are (powercap).
  public var powercap = "/sys/class/powercap"
  /// Results that wait for the coordinator's confirmation, 1 to 100000; at the limit work is refused.
  public var reportCapacity = 1000
  /// A result is sent again when it was not confirmed after this long, 10 to 3600000 ms.
  public var reportResendMS = 5000
  /// An unanswered introduction is repeated after this long, 10 to 3600000 ms. The heartbeat is the coordinator's choice.
  public var helloMS = 2000
  /// Tokens wait this long for more before they are sent, 0 to 1000 ms; a job's first token never waits.
  public var tokenFlushMS = 20
  /// Bytes that stay free on the disk when a model is received, at least 0.
  public var reservedDiskBytes = 1 << 30

  /// Every default.
  public init() {}

  /// The names of the options, as a file has them.
  public enum Option: String, CaseIterable, Sendable {
    case name
    case coordinator
    case serverKey = "server_key"
    case state
    case models
    case cores
    case engines
    case attach
    case attachCheckMS = "attach_check_ms"
    case modelCheckMS = "model_check_ms"
    case jobCapacity = "job_capacity"
    case warmEngineCount = "warm_engine_count"
    case engineMemoryShare = "engine_memory_share"
    case memoryGuard = "memory_guard"
    case pricePerHour = "price_per_hour"
    case rpcServers = "rpc_servers"
    case experts
    case expertGFLOPPerS = "expert_gflop_per_s"
    case restoresSlots = "restore_slots"
    case powercap
    case reportCapacity = "report_capacity"
    case reportResendMS = "report_resend_ms"
    case helloMS = "hello_ms"
    case tokenFlushMS = "token_flush_ms"
    case reservedDiskBytes = "reserved_disk_bytes"
  }

  /// Takes each option's text from `text`, by name; nil leaves the default.
  ///
  /// - Throws: `usage` naming the first option that is out of its range, with its value.
  public init(_ text: @escaping (String) -> String?) throws(ApusError) {
    let options = OptionReader(text)
    name = options.text(.name, name)
    coordinator = options.text(.coordinator, coordinator)
    serverKey = options.text(.serverKey, serverKey)
    state = options.text(.state, state)
    models = options.text(.models, models)
    engines = options.text(.engines, "").split(separator: ",").map { EngineName($0.trimmingSpaces) }
    attachments = try Self.attachments(options.text(.attach, ""))
    attachCheckMS = try options.number(.attachCheckMS, attachCheckMS, in: 100...3_600_000)
    modelCheckMS = try options.number(.modelCheckMS, modelCheckMS, in: 100...3_600_000)
    let coreList = options.text(.cores, "")
    guard let list = CPUList(parsing: coreList) else { throw options.error(.cores, coreList, "a list such as 0-3,8") }
    cores = list
    guard !name.isEmpty else { throw options.error(.name, "empty", "the name the worker's key is authorized under") }
    guard !state.isEmpty else { throw options.error(.state, "empty", "a directory") }
    jobCapacity = try options.number(.jobCapacity, jobCapacity, in: 1...1024)
    warmEngineCount = try options.number(.warmEngineCount, warmEngineCount, in: 1...64)
    engineMemoryShare = try options.share(.engineMemoryShare, engineMemoryShare)
    let guardName = options.text(.memoryGuard, memoryGuard.rawValue)
    guard let chosen = MemoryGuard(rawValue: guardName) else {
      throw options.error(
        .memoryGuard, guardName, "one of \(MemoryGuard.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    memoryGuard = chosen
    let price = options.text(.pricePerHour, "")
    if !price.isEmpty {
      guard let value = Double(price), value > 0, value.isFinite, value <= 1e9 else {
        throw options.error(.pricePerHour, price, "a number above 0 and at most 1000000000, or nothing")
      }
      pricePerHour = value
    }
    rpcServers = options.text(.rpcServers, "").split(separator: ",").map(\.trimmingSpaces)
    for server in rpcServers where server.wholeMatch(of: #/[A-Za-z0-9._-]+:[0-9]{1,5}/#) == nil {
      throw options.error(.rpcServers, server, "HOST:PORT, several separated by commas")
    }
    experts = options.text(.experts, experts)
    let rate = options.text(.expertGFLOPPerS, "")
    if !rate.isEmpty {
      guard let value = Double(rate), value > 0, value <= 1e9 else {
        throw options.error(.expertGFLOPPerS, rate, "a number above 0 and at most 1000000000, or nothing")
      }
      expertGFLOPPerS = value
    }
    restoresSlots = try options.truth(.restoresSlots, restoresSlots)
    powercap = options.text(.powercap, powercap)
    reportCapacity = try options.number(.reportCapacity, reportCapacity, in: 1...100_000)
    reportResendMS = try options.number(.reportResendMS, reportResendMS, in: 10...3_600_000)
    helloMS = try options.number(.helloMS, helloMS, in: 10...3_600_000)
    tokenFlushMS = try options.number(.tokenFlushMS, tokenFlushMS, in: 0...1000)
    reservedDiskBytes = try options.number(.reservedDiskBytes, reservedDiskBytes, in: 0...Int.max)
  }

  /// What only this worker writes: unconfirmed results and measured capabilities. Workers may share a state directory.
  public var ownDirectory: String { "\(state)/workers/\(name)" }

  public var modelsDirectory: String { models.isEmpty ? "\(state)/models" : models }

  /// What of it concerns the conversation with the coordinator.
  public var jobWorkerOptions: JobWorkerOptions {
    JobWorkerOptions(
      name: WorkerName(name), jobCapacity: jobCapacity, reportCapacity: reportCapacity,
      reportResendAfter: .milliseconds(reportResendMS), helloInterval: .milliseconds(helloMS),
      tokenFlushAfter: .milliseconds(tokenFlushMS),
      describeInterval: attachments.isEmpty ? nil : .milliseconds(attachCheckMS),
      modelCheckInterval: .milliseconds(modelCheckMS))
  }

  /// Separated by white space: none of their parts has any.
  private static func attachments(_ text: String) throws(ApusError) -> [Attachment] {
    var attachments: [Attachment] = []
    for part in text.split(whereSeparator: \.isWhitespace) {
      let attachment = try Attachment(parsing: String(part))
      guard !attachments.contains(where: { $0.name == attachment.name }) else {
        throw ApusError(
          .usage, "two servers are attached as \(attachment.name)", advice: "give each a name of its own")
      }
      attachments.append(attachment)
    }
    return attachments
  }
}

/// Reads options by name and says which one is wrong.
private struct OptionReader {
  let read: (String) -> String?

  init(_ read: @escaping (String) -> String?) { self.read = read }

  func text(_ option: WorkerConfiguration.Option, _ fallback: String) -> String {
    read(option.rawValue) ?? fallback
  }

  func number(
    _ option: WorkerConfiguration.Option, _ fallback: Int, in range: ClosedRange<Int>
  ) throws(ApusError) -> Int {
    guard let text = read(option.rawValue) else { return fallback }
    guard let value = Int(text), range.contains(value) else {
      throw error(option, text, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func share(_ option: WorkerConfiguration.Option, _ fallback: Double) throws(ApusError) -> Double {
    guard let text = read(option.rawValue) else { return fallback }
    guard let value = Double(text), value > 0, value <= 1 else {
      throw error(option, text, "a number above 0 and at most 1")
    }
    return value
  }

  func truth(_ option: WorkerConfiguration.Option, _ fallback: Bool) throws(ApusError) -> Bool {
    guard let text = read(option.rawValue) else { return fallback }
    guard let value = Bool(text) else { throw error(option, text, "true or false") }
    return value
  }

  func error(_ option: WorkerConfiguration.Option, _ value: String, _ expected: String) -> ApusError {
    ApusError(.usage, "the worker's option \(option.rawValue) is `\(value)`", advice: "give \(expected)")
  }
}
