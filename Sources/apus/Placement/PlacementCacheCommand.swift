import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

extension PlacementCommand {
  /// `apus placement cache`: what a node does whose memory holds only some of the experts.
  struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cache",
      abstract: "Replay a trace on caches of experts, with tokens batched as they come and by their experts.",
      discussion: ExpertCachePolicies.all.map { "\($0.name): \($0.summary)" }.joined(separator: "\n"))

    @Option(help: "Expert ids of every token, one byte each: [layer][token][top-k].") var trace: String
    @Option(help: "Layers of the trace.") var layers: Int
    @Option(help: "Experts for each token.") var topK: Int
    @Option(help: "Experts of a layer of the trace.") var experts: Int
    @Option(help: "Experts of each layer that fit; several separated by commas.") var capacity: String
    @Option(help: "Tokens that pass a layer together.") var batch = 8
    @Option(help: "Waiting tokens that batches by experts are chosen from; 0 batches them only as they come.")
    var window = 64
    @Option(help: "Batches whose routes lookahead knows. [default: all]") var lookahead: Int?
    @Option(help: "MB of one expert; with --read-gb-per-s says what loads cost.") var expertMB: Double?
    @Option(name: .customLong("read-gb-per-s"), help: "GB a second at which experts are loaded.") var readGBPerS:
      Double?
    @Option(help: "Milliseconds that a layer computes for one batch.") var computeMS = 0.0
    @Option(help: "Only the first tokens.") var tokens: Int?
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
      guard batch > 0 else { throw ValidationError("--batch \(batch) is not at least 1") }
      guard window == 0 || window >= batch else {
        throw ValidationError("--window \(window) does not hold a batch of \(batch)")
      }
      guard lookahead ?? 1 > 0, tokens ?? 1 > 0, computeMS >= 0 else {
        throw ValidationError("--lookahead and --tokens are at least 1, and --compute-ms is not below 0")
      }
      guard (expertMB == nil) == (readGBPerS == nil), expertMB ?? 1 > 0, readGBPerS ?? 1 > 0 else {
        throw ValidationError("--expert-mb and --read-gb-per-s go together, and are above 0")
      }
    }

    struct Row {
      var capacity: Int
      var policy: String
      var batching: String
      var replay: ExpertCacheReplay
    }

    func run() throws {
      let capacities = try capacities()
      var routes = try RoutingTraceFile.read(path: trace, layerCount: layers, topK: topK, expertCount: experts)
      if let tokens { routes = routes.selecting(tokens: 0..<min(tokens, routes.tokenCount)) }
      var batchings = [("as they come", TokenBatches.inOrder(tokenCount: routes.tokenCount, batchSize: batch))]
      if window > 0 {
        batchings.append(("by experts", TokenBatches.expertAware(routes, batchSize: batch, window: window)))
      }
      let loadMS = expertMB.flatMap { size in readGBPerS.map { size / $0 } }
      var rows: [Row] = []
      for capacity in capacities {
        for policy in policies {
          for (name, batches) in batchings {
            let replay = ExpertCacheReplay(
              routes, batches: batches, policy: policy, capacity: capacity, loadMS: loadMS, computeMS: computeMS)
            rows.append(Row(capacity: capacity, policy: policy.name, batching: name, replay: replay))
          }
        }
      }
      Console.print(json ? Self.json(rows).text : Self.text(rows))
    }

    private var policies: [any ExpertCachePolicy] {
      ExpertCachePolicies.all.map { policy in
        policy is LookaheadExperts ? lookahead.map { LookaheadExperts(windowSteps: $0) } ?? policy : policy
      }
    }

    private func capacities() throws -> [Int] {
      try capacity.split(separator: ",").map { word in
        guard let count = Int(word), (1...experts).contains(count) else {
          throw ApusError(
            .usage, "--capacity \(word) is no number of experts between 1 and \(experts)",
            advice: "write it like 8,16,32")
        }
        return count
      }
    }

    private static func stalls(_ replay: ExpertCacheReplay) -> (mean: Double, p99: Double)? {
      guard let sorted = replay.stallMSOfBatch?.sorted(), !sorted.isEmpty else { return nil }
      let place = min(sorted.count - 1, Int((0.99 * Double(sorted.count)).rounded(.up)) - 1)
      return (sorted.reduce(0, +) / Double(sorted.count), sorted[max(0, place)])
    }

    private static func text(_ rows: [Row]) -> String {
      var table = TextTable([
        ">FIT", "POLICY", "BATCHES", ">EXPERTS/BATCH", ">HIT RATE", ">LOADS/TOKEN", ">WAIT MS/BATCH", ">P99",
      ])
      for row in rows {
        let stalls = stalls(row.replay)
        table.add([
          String(row.capacity), row.policy, row.batching, String(format: "%.1f", row.replay.neededPerBatch),
          String(format: "%.1f%%", 100 * row.replay.hitRate), String(format: "%.1f", row.replay.loadsPerToken),
          stalls.map { String(format: "%.2f", $0.mean) } ?? "-", stalls.map { String(format: "%.2f", $0.p99) } ?? "-",
        ])
      }
      return table.text()
    }

    private static func json(_ rows: [Row]) -> JSONValue {
      .object([
        (
          "caches",
          .array(
            rows.map { row in
              let stalls = stalls(row.replay)
              return .object([
                ("capacity", .int(row.capacity)), ("policy", .string(row.policy)), ("batches", .string(row.batching)),
                ("experts_per_batch", .double(row.replay.neededPerBatch)), ("hit_rate", .double(row.replay.hitRate)),
                ("loads_per_token", .double(row.replay.loadsPerToken)), ("wait_ms_mean", JSONValue(stalls?.mean)),
                ("wait_ms_p99", JSONValue(stalls?.p99)),
              ])
            })
        )
      ])
    }
  }
}
