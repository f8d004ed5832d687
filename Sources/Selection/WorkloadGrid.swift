import Serving

/// Workloads that differ from one in one thing, the smallest change first: where to look for what would change an answer.
enum WorkloadGrid {
  struct Variation {
    /// As in `Explanation.Flip.what`.
    var what: String
    var from: String
    var to: String
    var workload: Workload
  }

  static let mostConcurrency = 64
  static let longestPrompt = 32_768
  static let longestOutput = 8192
  private static let shares = [0, 0.25, 0.5, 0.75, 0.95]

  /// One list for each thing that can be changed.
  static func variations(of workload: Workload, contextLength: Int) -> [[Variation]] {
    let room = contextLength > 0 ? contextLength : longestPrompt + longestOutput
    func fits(_ changed: Workload) -> Bool {
      changed.promptTokens.upperBound + changed.outputTokens.upperBound <= room
    }
    func list(_ what: String, _ from: String, _ changed: [(to: String, workload: Workload)]) -> [Variation] {
      changed.filter { fits($0.workload) }
        .map { Variation(what: what, from: from, to: $0.to, workload: $0.workload) }
    }
    let concurrency = scaled(workload.concurrency, most: mostConcurrency).map { count in
      var changed = workload
      changed.concurrency = count
      changed.requestCount = max(workload.requestCount, count)
      return (to: "\(count)", workload: changed)
    }
    let prompts = scaled(Int(workload.meanPromptTokens), most: longestPrompt).map { tokens in
      var changed = workload
      changed.promptTokens = tokens...tokens
      return (to: "\(tokens)", workload: changed)
    }
    let outputs = scaled(Int(workload.meanOutputTokens), most: longestOutput).map { tokens in
      var changed = workload
      changed.outputTokens = tokens...tokens
      return (to: "\(tokens)", workload: changed)
    }
    func shared(_ path: WritableKeyPath<Workload, Double>) -> [(to: String, workload: Workload)] {
      let own = workload[keyPath: path]
      return shares.filter { abs($0 - own) > 0.1 }.sorted { (abs($0 - own), $0) < (abs($1 - own), $1) }.map { share in
        var changed = workload
        changed[keyPath: path] = share
        return (to: "\(share)", workload: changed)
      }
    }
    return [
      list("concurrency", "\(workload.concurrency)", concurrency),
      list("prompt_tokens", "\(Int(workload.meanPromptTokens))", prompts),
      list("output_tokens", "\(Int(workload.meanOutputTokens))", outputs),
      list("shared_prefix_share", "\(workload.sharedPrefixShare)", shared(\.sharedPrefixShare)),
      list("repetitiveness", "\(workload.repetitiveness)", shared(\.repetitiveness)),
    ]
  }

  /// Twice, half, four times, a quarter ... of a number, from 1 to `most`.
  private static func scaled(_ number: Int, most: Int) -> [Int] {
    var numbers: [Int] = []
    var factor = 2
    while number * factor <= most || number / factor >= 1 {
      if number * factor <= most { numbers.append(number * factor) }
      if number / factor >= 1 { numbers.append(number / factor) }
      factor *= 2
    }
    return numbers
  }
}
