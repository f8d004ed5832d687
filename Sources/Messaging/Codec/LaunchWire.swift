import CMessages
import Serving

// What a node would run for a strategy, in Schemas/messages.proto.

extension LaunchQuery: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__LaunchQuery>) { apus__launch_query__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__LaunchQuery>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.configuration = try arena.message(configuration)
    c.pointee.context_tokens = try arena.count(contextTokens, "LaunchQuery.context_tokens")
    c.pointee.host = try arena.text(host)
    c.pointee.port = try arena.count(port, "LaunchQuery.port")
  }

  init(reading c: UnsafePointer<Apus__LaunchQuery>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "LaunchQuery.model"),
      configuration: try Wire.message(c.pointee.configuration, "LaunchQuery.configuration"),
      contextTokens: try Wire.count(c.pointee.context_tokens, "LaunchQuery.context_tokens"),
      host: try Wire.text(c.pointee.host, "LaunchQuery.host"),
      port: try Wire.count(c.pointee.port, "LaunchQuery.port"))
  }
}

/// One variable of an environment.
private struct Variable: WireValue {
  var name: String
  var text: String

  init(name: String, text: String) {
    self.name = name
    self.text = text
  }

  static func initialize(_ c: UnsafeMutablePointer<Apus__NamedText>) { apus__named_text__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__NamedText>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.text = try arena.text(text)
  }

  init(reading c: UnsafePointer<Apus__NamedText>) throws(CodecError) {
    name = try Wire.text(c.pointee.name, "NamedText.name")
    text = try Wire.text(c.pointee.text, "NamedText.text")
  }
}

extension EngineLaunch: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__EngineLaunch>) { apus__engine_launch__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__EngineLaunch>, _ arena: Arena) throws(CodecError) {
    c.pointee.engine = try arena.message(engine)
    c.pointee.n_command = command.count
    c.pointee.command = try arena.texts(command)
    let variables = environment.sorted { $0.key < $1.key }.map { Variable(name: $0.key, text: $0.value) }
    c.pointee.n_environment = variables.count
    c.pointee.environment = try arena.messages(variables)
    c.pointee.host = try arena.text(host)
    c.pointee.port = try arena.count(port, "EngineLaunch.port")
    c.pointee.health_path = try arena.text(healthPath)
    c.pointee.start_timeout_seconds = try Wire.number(startTimeoutSeconds, "EngineLaunch.start_timeout_seconds")
    c.pointee.n_model_paths = modelPaths.count
    c.pointee.model_paths = try arena.texts(modelPaths)
    c.pointee.engine_directory = try arena.optionalText(engineDirectory)
    c.pointee.core_count = try arena.count(coreCount, "EngineLaunch.core_count")
    c.pointee.memory_bytes = try arena.count(memoryBytes, "EngineLaunch.memory_bytes")
    c.pointee.memory_limit_bytes = try arena.count(memoryLimitBytes, "EngineLaunch.memory_limit_bytes")
    c.pointee.accelerator_count = try arena.count(acceleratorCount, "EngineLaunch.accelerator_count")
  }

  init(reading c: UnsafePointer<Apus__EngineLaunch>) throws(CodecError) {
    var environment: [String: String] = [:]
    let variables: [Variable] = try Wire.messages(
      c.pointee.environment, c.pointee.n_environment, "EngineLaunch.environment")
    for variable in variables {
      guard environment.updateValue(variable.text, forKey: variable.name) == nil else {
        throw .invalid(field: "EngineLaunch.environment", problem: "names \(variable.name) twice")
      }
    }
    self.init(
      engine: try Wire.message(c.pointee.engine, "EngineLaunch.engine"),
      command: try Wire.texts(c.pointee.command, c.pointee.n_command, "EngineLaunch.command"),
      environment: environment,
      host: try Wire.text(c.pointee.host, "EngineLaunch.host"),
      port: try Wire.count(c.pointee.port, "EngineLaunch.port"),
      healthPath: try Wire.text(c.pointee.health_path, "EngineLaunch.health_path"),
      startTimeoutSeconds: try Wire.number(c.pointee.start_timeout_seconds, "EngineLaunch.start_timeout_seconds"),
      modelPaths: try Wire.texts(c.pointee.model_paths, c.pointee.n_model_paths, "EngineLaunch.model_paths"),
      engineDirectory: try Wire.text(c.pointee.engine_directory, "EngineLaunch.engine_directory"),
      coreCount: try Wire.count(c.pointee.core_count, "EngineLaunch.core_count"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "EngineLaunch.memory_bytes"),
      memoryLimitBytes: try Wire.count(c.pointee.memory_limit_bytes, "EngineLaunch.memory_limit_bytes"),
      acceleratorCount: try Wire.count(c.pointee.accelerator_count, "EngineLaunch.accelerator_count"))
  }
}

/// A coordinator's question with its number.
struct NumberedLaunchQuery: WireValue {
  var id: UInt64
  var query: LaunchQuery

  init(id: UInt64, query: LaunchQuery) {
    self.id = id
    self.query = query
  }

  static func initialize(_ c: UnsafeMutablePointer<Apus__NumberedLaunchQuery>) {
    apus__numbered_launch_query__init(c)
  }

  func write(to c: UnsafeMutablePointer<Apus__NumberedLaunchQuery>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    c.pointee.query = try arena.message(query)
  }

  init(reading c: UnsafePointer<Apus__NumberedLaunchQuery>) throws(CodecError) {
    id = c.pointee.id
    query = try Wire.message(c.pointee.query, "NumberedLaunchQuery.query")
  }
}

extension LaunchAnswer: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__LaunchAnswer>) { apus__launch_answer__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__LaunchAnswer>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    switch result {
    case .success(let launch):
      c.pointee.kind_case = APUS__LAUNCH_ANSWER__KIND_LAUNCH
      c.pointee.launch = try arena.message(launch)
    case .failure(let error):
      c.pointee.kind_case = APUS__LAUNCH_ANSWER__KIND_FAILURE
      c.pointee.failure = try arena.message(error)
    }
  }

  init(reading c: UnsafePointer<Apus__LaunchAnswer>) throws(CodecError) {
    let result: Result<EngineLaunch, ApusError>
    switch c.pointee.kind_case {
    case APUS__LAUNCH_ANSWER__KIND_LAUNCH:
      result = .success(try Wire.message(c.pointee.launch, "LaunchAnswer.launch"))
    case APUS__LAUNCH_ANSWER__KIND_FAILURE:
      result = .failure(try Wire.message(c.pointee.failure, "LaunchAnswer.failure"))
    default: throw .invalid(field: "LaunchAnswer.kind", problem: "is missing")
    }
    self.init(id: c.pointee.id, result: result)
  }
}
