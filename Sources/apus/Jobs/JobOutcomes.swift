import Serving

/// What became of several jobs that something was asked for: a line each, or one JSON object for all.
struct JobOutcomes {
  private let json: Bool
  /// Whether one job was named, whose object then stands alone.
  private let isSingle: Bool
  private var objects: [JSONValue] = []
  private var failures: [ApusError] = []

  init(json: Bool, isSingle: Bool) {
    self.json = json
    self.isSingle = isSingle
  }

  mutating func add(_ job: JobID, _ members: [(String, JSONValue)], _ words: String) {
    objects.append(.object([("job", .string(job.rawValue))] + members))
    if !json { Console.print(words) }
  }

  /// The others go on.
  mutating func add(_ job: JobID, _ error: ApusError) {
    objects.append(.object([("job", .string(job.rawValue)), ("error", .string(error.reason))]))
    failures.append(error)
    if !json { Console.note("\(error)") }
  }

  /// - Parameter fails: whether a job for which it could not be done is a failure.
  func finish(fails: Bool) throws(ApusError) {
    if json {
      Console.print((isSingle ? objects.first ?? .null : JSONValue.object([("jobs", .array(objects))])).text)
    }
    guard fails, let first = failures.first else { return }
    throw ApusError(
      first.code, "it could not be done for \(failures.count) of \(objects.count) jobs; of the first, \(first.reason)",
      advice: first.advice)
  }
}
