import Messaging
import Serving

/// What a batch asks for, found out before anything is submitted: its length, its models, and which lines cannot run.
struct BatchSurvey {
  /// Faults that are shown; the results have all.
  private static let mostShown = 10

  let lineCount: Int
  let faultCount: Int
  /// The first faults, in words.
  let shownFaults: [String]
  let models: BatchModels

  /// - Throws: `badInput` for a file that holds no request at all.
  init(_ path: String, model override: String?, _ client: CoordinatorClient) async throws {
    var file = try BatchFile(path)
    var models = BatchModels(override: override)
    var (lineCount, faultCount) = (0, 0)
    var shown: [String] = []
    while let line = try file.next() {
      lineCount += 1
      let fault: BatchFault?
      switch line.request {
      case .failure(let found): fault = found
      case .success(let request):
        try await models.lookUp(request, client)
        fault = models.profile(of: request).fault
      }
      guard let fault else { continue }
      faultCount += 1
      if shown.count < Self.mostShown { shown.append(fault.message(line: line.number)) }
    }
    guard lineCount > 0 else {
      throw ApusError(
        .badInput, "\(path) holds no request",
        advice: "write one JSON object a line, with custom_id, method, url and body")
    }
    self.lineCount = lineCount
    self.faultCount = faultCount
    self.models = models
    shownFaults = shown
  }

  /// `3 of 100 lines cannot run:` with the first faults, a line each; nil when there are none.
  var faults: String? {
    guard faultCount > 0 else { return nil }
    let more = faultCount - shownFaults.count
    return "\(faultCount) of \(lineCount) lines cannot run:"
      + (shownFaults + (more > 0 ? ["and \(more) more"] : [])).map { "\n  " + $0 }.joined()
  }
}

/// The models that a batch's lines name.
struct BatchModels {
  /// Taken for all lines, whatever they name.
  let override: String?
  private var known: [String: Result<ModelProfile, BatchFault>] = [:]

  init(override: String?) { self.override = override }

  mutating func lookUp(_ request: BatchRequest, _ client: CoordinatorClient) async throws {
    guard let name = override ?? request.model, known[name] == nil else { return }
    do {
      known[name] = .success(try await Reference.model(name, client))
    } catch let error as ApusError where error.code == .badInput && override == nil {
      known[name] = .failure(BatchFault(error.reason, advice: error.advice, field: "body.model"))
    }
  }

  /// The model of a request that was looked up.
  func profile(of request: BatchRequest) -> Result<ModelProfile, BatchFault> {
    let missing = BatchFault(
      "it is missing", advice: "name a model there, or for all lines with --model", field: "body.model",
      customID: request.customID)
    guard let name = override ?? request.model, let result = known[name] else { return .failure(missing) }
    return result.mapError { fault in
      var fault = fault
      fault.customID = request.customID
      return fault
    }
  }
}

extension Result {
  var fault: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
