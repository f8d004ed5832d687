import CMessages
import Serving

// Placements of experts in Schemas/messages.proto: introductions, wishes and news.

extension ExpertEndpoint: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertEndpoint>) { apus__expert_endpoint__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertEndpoint>, _ arena: Arena) throws(CodecError) {
    c.pointee.address = try arena.text(address)
    c.pointee.public_key = try arena.text(publicKey)
  }

  init(reading c: UnsafePointer<Apus__ExpertEndpoint>) throws(CodecError) {
    self.init(
      address: try Wire.text(c.pointee.address, "ExpertEndpoint.address"),
      publicKey: try Wire.text(c.pointee.public_key, "ExpertEndpoint.public_key"))
  }
}

extension ExpertHosting: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertHosting>) { apus__expert_hosting__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertHosting>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.hub_key = try arena.text(hubKey)
  }

  init(reading c: UnsafePointer<Apus__ExpertHosting>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "ExpertHosting.model"),
      hubKey: try Wire.text(c.pointee.hub_key, "ExpertHosting.hub_key"))
  }
}

extension HostingAnswer: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__HostingAnswer>) { apus__hosting_answer__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__HostingAnswer>, _ arena: Arena) throws(CodecError) {
    c.pointee.lease = try arena.text(lease)
    switch address {
    case .success(let address):
      c.pointee.kind_case = APUS__HOSTING_ANSWER__KIND_ADDRESS
      c.pointee.address = try arena.text(address)
    case .failure(let error):
      c.pointee.kind_case = APUS__HOSTING_ANSWER__KIND_FAILURE
      c.pointee.failure = try arena.message(error)
    }
  }

  init(reading c: UnsafePointer<Apus__HostingAnswer>) throws(CodecError) {
    let address: Result<String, ApusError>
    switch c.pointee.kind_case {
    case APUS__HOSTING_ANSWER__KIND_ADDRESS:
      address = .success(try Wire.text(c.pointee.address, "HostingAnswer.address"))
    case APUS__HOSTING_ANSWER__KIND_FAILURE:
      address = .failure(try Wire.message(c.pointee.failure, "HostingAnswer.failure"))
    default: throw .invalid(field: "HostingAnswer.kind", problem: "is missing")
    }
    self.init(lease: try Wire.id(c.pointee.lease, "HostingAnswer.lease"), address: address)
  }
}

extension IntroducedHost: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__IntroducedHost>) { apus__introduced_host__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__IntroducedHost>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.address = try arena.text(address)
    c.pointee.public_key = try arena.text(publicKey)
    c.pointee.operations_per_second = try Wire.number(
      operationsPerSecond, "IntroducedHost.operations_per_second")
    c.pointee.memory_bandwidth = try Wire.number(memoryBandwidth, "IntroducedHost.memory_bandwidth")
    c.pointee.memory_bytes = try arena.count(memoryBytes, "IntroducedHost.memory_bytes")
  }

  init(reading c: UnsafePointer<Apus__IntroducedHost>) throws(CodecError) {
    self.init(
      name: try Wire.id(c.pointee.name, "IntroducedHost.name"),
      address: try Wire.text(c.pointee.address, "IntroducedHost.address"),
      publicKey: try Wire.text(c.pointee.public_key, "IntroducedHost.public_key"),
      operationsPerSecond: try Wire.number(c.pointee.operations_per_second, "IntroducedHost.operations_per_second"),
      memoryBandwidth: try Wire.number(c.pointee.memory_bandwidth, "IntroducedHost.memory_bandwidth"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "IntroducedHost.memory_bytes"))
  }
}

extension PlacementAssignment: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementAssignment>) { apus__placement_assignment__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementAssignment>, _ arena: Arena) throws(CodecError) {
    c.pointee.spec = try arena.message(spec)
    c.pointee.n_hosts = hosts.count
    c.pointee.hosts = try arena.messages(hosts)
    c.pointee.n_trials = trials.count
    c.pointee.trials = try arena.messages(trials)
  }

  init(reading c: UnsafePointer<Apus__PlacementAssignment>) throws(CodecError) {
    self.init(
      spec: try Wire.message(c.pointee.spec, "PlacementAssignment.spec"),
      hosts: try Wire.messages(c.pointee.hosts, c.pointee.n_hosts, "PlacementAssignment.hosts"),
      trials: try Wire.messages(c.pointee.trials, c.pointee.n_trials, "PlacementAssignment.trials"))
  }
}

extension PlacementTrial: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementTrial>) { apus__placement_trial__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementTrial>, _ arena: Arena) throws(CodecError) {
    c.pointee.encoder_version = try arena.count(encoderVersion, "PlacementTrial.encoder_version")
    c.pointee.problem = try arena.text(problem)
    c.pointee.strategy = try arena.text(strategy)
    try Self.check(features)
    c.pointee.n_features = features.count
    c.pointee.features = try arena.copy(features)
    c.pointee.analytic_seconds = try Wire.number(analyticSeconds, "PlacementTrial.analytic_seconds")
    c.pointee.measured_seconds = try Wire.number(measuredSeconds, "PlacementTrial.measured_seconds")
  }

  init(reading c: UnsafePointer<Apus__PlacementTrial>) throws(CodecError) {
    let features = Array(UnsafeBufferPointer(start: c.pointee.features, count: c.pointee.n_features))
    try Self.check(features)
    self.init(
      encoderVersion: try Wire.count(c.pointee.encoder_version, "PlacementTrial.encoder_version"),
      problem: try Wire.text(c.pointee.problem, "PlacementTrial.problem"),
      strategy: try Wire.text(c.pointee.strategy, "PlacementTrial.strategy"), features: features,
      analyticSeconds: try Wire.number(c.pointee.analytic_seconds, "PlacementTrial.analytic_seconds"),
      measuredSeconds: try Wire.number(c.pointee.measured_seconds, "PlacementTrial.measured_seconds"))
  }

  private static func check(_ features: [Float]) throws(CodecError) {
    for value in features { _ = try Wire.number(Double(value), "PlacementTrial.features") }
  }
}

extension PlacementBenchmarkSpec: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementBenchmarkSpec>) {
    apus__placement_benchmark_spec__init(c)
  }

  func write(to c: UnsafeMutablePointer<Apus__PlacementBenchmarkSpec>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.model = try arena.text(model)
    c.pointee.n_workers = workers.count
    c.pointee.workers = try arena.texts(workers)
    c.pointee.n_strategies = strategies.count
    c.pointee.strategies = try arena.texts(strategies)
    c.pointee.n_batch_sizes = batchSizes.count
    c.pointee.batch_sizes = try arena.counts(batchSizes, "PlacementBenchmarkSpec.batch_sizes")
    c.pointee.rounds = try arena.count(rounds, "PlacementBenchmarkSpec.rounds")
    c.pointee.layer_count = try arena.count(layerCount, "PlacementBenchmarkSpec.layer_count")
    c.pointee.routing = try arena.message(routing)
    c.pointee.seed = seed
    c.pointee.hedge_after_ms = try arena.count(hedgeAfterMS, "PlacementBenchmarkSpec.hedge_after_ms")
    c.pointee.deadline_seconds = try arena.count(deadlineSeconds, "PlacementBenchmarkSpec.deadline_seconds")
  }

  init(reading c: UnsafePointer<Apus__PlacementBenchmarkSpec>) throws(CodecError) {
    self.init(
      id: try Wire.id(c.pointee.id, "PlacementBenchmarkSpec.id"),
      model: try Wire.id(c.pointee.model, "PlacementBenchmarkSpec.model"),
      workers: try Wire.ids(c.pointee.workers, c.pointee.n_workers, "PlacementBenchmarkSpec.workers"),
      strategies: try Wire.texts(c.pointee.strategies, c.pointee.n_strategies, "PlacementBenchmarkSpec.strategies"),
      batchSizes: try Wire.counts(
        c.pointee.batch_sizes, c.pointee.n_batch_sizes, "PlacementBenchmarkSpec.batch_sizes"),
      rounds: try Wire.count(c.pointee.rounds, "PlacementBenchmarkSpec.rounds"),
      layerCount: try Wire.count(c.pointee.layer_count, "PlacementBenchmarkSpec.layer_count"),
      routing: try Wire.optional(c.pointee.routing), seed: c.pointee.seed,
      hedgeAfterMS: try Wire.count(c.pointee.hedge_after_ms, "PlacementBenchmarkSpec.hedge_after_ms"),
      deadlineSeconds: try Wire.count(c.pointee.deadline_seconds, "PlacementBenchmarkSpec.deadline_seconds"))
  }
}

extension RecordedRouting: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__RecordedRouting>) { apus__recorded_routing__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__RecordedRouting>, _ arena: Arena) throws(CodecError) {
    try Self.check(size: experts.count)
    c.pointee.layer_count = try arena.count(layerCount, "RecordedRouting.layer_count")
    c.pointee.top_k = try arena.count(topK, "RecordedRouting.top_k")
    c.pointee.experts = try arena.bytes(experts)
  }

  init(reading c: UnsafePointer<Apus__RecordedRouting>) throws(CodecError) {
    try Self.check(size: c.pointee.experts.len)
    self.init(
      layerCount: try Wire.count(c.pointee.layer_count, "RecordedRouting.layer_count"),
      topK: try Wire.count(c.pointee.top_k, "RecordedRouting.top_k"), experts: Wire.bytes(c.pointee.experts))
  }

  private static func check(size: Int) throws(CodecError) {
    guard size <= byteLimit else {
      throw .invalid(field: "RecordedRouting.experts", problem: "has \(size) bytes, more than 1 MiB")
    }
  }
}

extension PlacementReport: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementReport>) { apus__placement_report__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementReport>, _ arena: Arena) throws(CodecError) {
    c.pointee.lease = try arena.text(lease)
    switch news {
    case .success(let news):
      c.pointee.kind_case = APUS__PLACEMENT_REPORT__KIND_NEWS
      c.pointee.news = try arena.message(news)
    case .failure(let error):
      c.pointee.kind_case = APUS__PLACEMENT_REPORT__KIND_FAILURE
      c.pointee.failure = try arena.message(error)
    }
  }

  init(reading c: UnsafePointer<Apus__PlacementReport>) throws(CodecError) {
    let news: Result<PlacementNews, ApusError>
    switch c.pointee.kind_case {
    case APUS__PLACEMENT_REPORT__KIND_NEWS:
      news = .success(try Wire.message(c.pointee.news, "PlacementReport.news"))
    case APUS__PLACEMENT_REPORT__KIND_FAILURE:
      news = .failure(try Wire.message(c.pointee.failure, "PlacementReport.failure"))
    default: throw .invalid(field: "PlacementReport.kind", problem: "is missing")
    }
    self.init(lease: try Wire.id(c.pointee.lease, "PlacementReport.lease"), news: news)
  }
}

extension PlacementNews: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementNews>) { apus__placement_news__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementNews>, _ arena: Arena) throws(CodecError) {
    switch self {
    case .step(let step):
      c.pointee.kind_case = APUS__PLACEMENT_NEWS__KIND_STEP
      c.pointee.step = try arena.message(step)
    case .measured(let measurement):
      c.pointee.kind_case = APUS__PLACEMENT_NEWS__KIND_MEASURED
      c.pointee.measured = try arena.message(measurement)
    case .raced(let result):
      c.pointee.kind_case = APUS__PLACEMENT_NEWS__KIND_RACED
      c.pointee.raced = try arena.message(result)
    case .ended:
      c.pointee.kind_case = APUS__PLACEMENT_NEWS__KIND_ENDED
      c.pointee.ended = try arena.empty()
    }
  }

  init(reading c: UnsafePointer<Apus__PlacementNews>) throws(CodecError) {
    switch c.pointee.kind_case {
    case APUS__PLACEMENT_NEWS__KIND_STEP: self = .step(try Wire.message(c.pointee.step, "PlacementNews.step"))
    case APUS__PLACEMENT_NEWS__KIND_MEASURED:
      self = .measured(try Wire.message(c.pointee.measured, "PlacementNews.measured"))
    case APUS__PLACEMENT_NEWS__KIND_RACED: self = .raced(try Wire.message(c.pointee.raced, "PlacementNews.raced"))
    case APUS__PLACEMENT_NEWS__KIND_ENDED: self = .ended
    default: throw .invalid(field: "PlacementNews.kind", problem: "is missing")
    }
  }
}

extension PlacementStep: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementStep>) { apus__placement_step__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementStep>, _ arena: Arena) throws(CodecError) {
    c.pointee.strategy = try arena.text(strategy)
    c.pointee.batch_tokens = try arena.count(batchTokens, "PlacementStep.batch_tokens")
    c.pointee.is_race = isRace ? 1 : 0
  }

  init(reading c: UnsafePointer<Apus__PlacementStep>) throws(CodecError) {
    self.init(
      strategy: try Wire.text(c.pointee.strategy, "PlacementStep.strategy"),
      batchTokens: try Wire.count(c.pointee.batch_tokens, "PlacementStep.batch_tokens"),
      isRace: c.pointee.is_race != 0)
  }
}

extension PlacementRaceResult: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementRaceResult>) { apus__placement_race_result__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementRaceResult>, _ arena: Arena) throws(CodecError) {
    c.pointee.batch_tokens = try arena.count(batchTokens, "PlacementRaceResult.batch_tokens")
    c.pointee.n_entrants = entrants.count
    c.pointee.entrants = try arena.messages(entrants)
    c.pointee.winner = try arena.text(winner)
  }

  init(reading c: UnsafePointer<Apus__PlacementRaceResult>) throws(CodecError) {
    self.init(
      batchTokens: try Wire.count(c.pointee.batch_tokens, "PlacementRaceResult.batch_tokens"),
      entrants: try Wire.messages(c.pointee.entrants, c.pointee.n_entrants, "PlacementRaceResult.entrants"),
      winner: try Wire.text(c.pointee.winner, "PlacementRaceResult.winner"))
  }
}

extension PlacementRaceResult.Entrant: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementRaceEntrant>) {
    apus__placement_race_entrant__init(c)
  }

  func write(to c: UnsafeMutablePointer<Apus__PlacementRaceEntrant>, _ arena: Arena) throws(CodecError) {
    c.pointee.strategy = try arena.text(strategy)
    c.pointee.rounds = try arena.count(rounds, "PlacementRaceEntrant.rounds")
    c.pointee.ratio = try Wire.number(ratio, "PlacementRaceEntrant.ratio")
  }

  init(reading c: UnsafePointer<Apus__PlacementRaceEntrant>) throws(CodecError) {
    self.init(
      strategy: try Wire.text(c.pointee.strategy, "PlacementRaceEntrant.strategy"),
      rounds: try Wire.count(c.pointee.rounds, "PlacementRaceEntrant.rounds"),
      ratio: try Wire.number(c.pointee.ratio, "PlacementRaceEntrant.ratio"))
  }
}
