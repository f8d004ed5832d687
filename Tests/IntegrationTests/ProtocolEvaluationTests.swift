import Foundation
import Testing

@Suite("`apus selector evaluate --history --protocol metainf` on a history whose answer is known")
struct ProtocolEvaluationTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/apus-protocol-\(UUID().uuidString)"

  private static let columns = [
    "id", "worker", "started_at_ms", "engine", "engine_version", "methods", "knobs", "fidelity", "machine", "processor",
    "core_count", "instruction_sets", "memory_bytes", "memory_bandwidth_bytes_per_second", "gemm_rate_flops",
    "accelerators", "model_id", "model_name", "architecture", "parameter_count", "active_parameter_count",
    "layer_count",
    "hidden_size", "head_count", "key_value_head_count", "head_size", "feed_forward_size", "expert_count",
    "experts_per_token", "vocabulary_size", "context_length_tokens", "weight_type", "weight_bytes",
    "active_weight_bytes", "vocabulary_fingerprint", "variant_group", "workload_name", "prompt_tokens_min",
    "prompt_tokens_max", "output_tokens_min", "output_tokens_max", "concurrency", "arrival_rate_per_second",
    "shared_prefix_share", "repetitiveness", "block_request_count", "outcome", "timed_out_after_seconds",
    "failure_detail", "failure_last_lines", "request_count", "failed_request_count", "prompt_token_count",
    "output_token_count", "wall_seconds", "cpu_seconds", "peak_memory_bytes", "load_seconds", "ttft_mean_ms",
    "ttft_p50_ms", "ttft_p90_ms", "ttft_p99_ms", "itl_mean_ms", "itl_p50_ms", "itl_p90_ms", "itl_p99_ms",
    "tpot_mean_ms", "tpot_p50_ms", "tpot_p90_ms", "tpot_p99_ms", "e2e_mean_ms", "e2e_p50_ms", "e2e_p90_ms",
    "e2e_p99_ms", "acceptance_rate", "warnings",
  ]
  private static let knobs = [
    "none": #"{"prefix_caching":false}"#, "prefix-caching": "{}",
    "chunked-prefill": #"{"prefix_caching":false,"batch_tokens":512,"micro_batch_tokens":128}"#,
    "continuous-batching": #"{"prefix_caching":false,"slot_count":4}"#,
    "all": #"{"slot_count":4,"batch_tokens":512,"micro_batch_tokens":128}"#,
  ]
  /// Which is best is a matter of the workload alone.
  private static let workloads: [(name: String, best: String, prompt: Int, concurrency: Int, shared: String)] = [
    ("short", "none", 32, 1, "0"), ("shared", "prefix-caching", 500, 1, "0.9"),
    ("long", "chunked-prefill", 2000, 1, "0"),
    ("many", "continuous-batching", 64, 8, "0"), ("both", "all", 500, 8, "0.9"),
  ]

  private static func line(_ values: [String: String]) -> String {
    columns.map { name in
      let value = values[name] ?? (name.hasSuffix("_ms") ? "1" : "")
      return value.contains("\"") ? "\"" + value.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : value
    }.joined(separator: ",")
  }

  /// The best takes 100 ms on average, the others half as long again; larger models and slower nodes all more.
  private static func history(models: Int, nodes: Int) -> String {
    var lines = [columns.joined(separator: ",")]
    for model in 0..<models {
      for node in 0..<nodes {
        for workload in workloads {
          for (method, knobs) in knobs.sorted(by: { $0.key < $1.key }) {
            let milliseconds = (method == workload.best ? 100.0 : 150) * Double(model + 1) * Double(node + 1)
            let digits = String(model)
            lines.append(
              line([
                "id": "m\(model)-\(node)-\(workload.name)-\(method)", "worker": "node-\(node)", "started_at_ms": "1",
                "engine": "llamacpp", "engine_version": "1", "knobs": knobs, "fidelity": "exact", "machine": "m",
                "processor": "cpu", "core_count": String(node + 1), "memory_bytes": "1000",
                "memory_bandwidth_bytes_per_second": String(node + 1), "gemm_rate_flops": "1",
                "model_id": String(repeating: "0", count: 64 - digits.count) + digits, "model_name": "model-\(model)",
                "architecture": "llama", "parameter_count": String(1000 * (model + 1)),
                "active_parameter_count": "1", "layer_count": "1", "hidden_size": "1", "head_count": "1",
                "key_value_head_count": "1", "head_size": "1", "feed_forward_size": "1", "expert_count": "0",
                "experts_per_token": "0", "vocabulary_size": "1", "context_length_tokens": "1", "weight_type": "F16",
                "weight_bytes": "1", "active_weight_bytes": "1", "workload_name": workload.name,
                "prompt_tokens_min": String(workload.prompt), "prompt_tokens_max": String(workload.prompt),
                "output_tokens_min": "8", "output_tokens_max": "8", "concurrency": String(workload.concurrency),
                "shared_prefix_share": workload.shared, "repetitiveness": "0", "block_request_count": "1",
                "outcome": "completed", "request_count": "1", "failed_request_count": "0", "prompt_token_count": "1",
                "output_token_count": "8", "wall_seconds": "1", "load_seconds": "1",
                "e2e_mean_ms": String(milliseconds), "e2e_p50_ms": String(milliseconds),
                "e2e_p90_ms": String(milliseconds), "e2e_p99_ms": String(milliseconds),
              ]))
          }
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func imported(models: Int, nodes: Int) async throws -> String {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let file = folder + "/history.csv"
    try Self.history(models: models, nodes: nodes).write(toFile: file, atomically: true, encoding: .utf8)
    let output = try await Program.run(["history", "import", file, "--state", folder + "/state", "--json"])
    #expect(output.status == 0 && output.json?["imported_count"] as? Int == models * nodes * 25, "\(output)")
    #expect(output.json?["format"] as? String == "tidy")
    return folder + "/state/history.sqlite"
  }

  @Test("Beside those of tables stands the coordinator's own selector, which finds it too for models it never saw")
  func leftOut() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try await imported(models: 4, nodes: 3)
    let options = ["selector", "evaluate", "--history", path, "--selectors", "single-best,ensemble", "--json"]
    let output = try await Program.run(options + ["--leave-out", "model"])
    #expect(output.status == 0, "\(output)")
    let json = try #require(output.json, "\(output)")
    #expect(json["contexts"] as? Int == 60 && json["left_out"] as? Int == 4)
    let selectors = try #require(json["selectors"] as? [[String: Any]])
    #expect(
      selectors.map { $0["name"] as? String } == ["coordinator", "engine-default", "single-best", "ensemble"])
    let achieved = try selectors.map { try #require($0["achieved_over_best_mean"] as? Double) }
    // The default is the best on a fifth of the workloads, and takes half as long again on the others.
    #expect(abs(achieved[1] - (0.2 + 0.8 / 1.5)) < 1e-6)
    #expect(achieved[0] > 0.95 && achieved[3] > 0.99 && achieved[2] < 0.8, "\(output)")
    let refused = try await Program.run(options + ["--leave-out", "engine"])
    #expect(refused.status == 64, "\(refused)")
  }

  @Test("Learners find what the workload decides, for a model and for a node they never saw; chance does not")
  func known() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try await imported(models: 4, nodes: 3)
    let output = try await Program.run(["selector", "evaluate", "--history", path, "--protocol", "metainf", "--json"])
    #expect(output.status == 0, "\(output)")
    let json = try #require(output.json, "\(output)")
    #expect(json["contexts"] as? Int == 60 && json["models"] as? Int == 4 && json["model_families"] as? Int == 4)
    #expect((json["nodes"] as? [String])?.count == 3 && (json["shortfalls"] as? [String])?.isEmpty == true)
    let splits = try #require(json["splits"] as? [[String: Any]])
    #expect(splits.map { $0["leave_out"] as? String } == ["model", "node"])
    for split in splits {
      #expect((split["best_counts"] as? [String: Int])?.values.allSatisfy { $0 == 12 } == true)
      let selectors = try #require(split["selectors"] as? [[String: Any]])
      #expect(
        selectors.map { $0["name"] as? String } == [
          "random", "single-best", "clusters", "matrix-factorization", "neural-factorization", "per-algorithm-forest",
          "boosted-trees", "ensemble", "coordinator",
        ])
      func figure(_ name: String, _ key: String) throws -> Double {
        try #require(selectors.first { $0["name"] as? String == name }?[key] as? Double, "\(name) \(key)")
      }
      #expect(try abs(figure("random", "accuracy") - 0.2) < 0.02)
      #expect(try abs(figure("single-best", "accuracy") - 0.2) < 1e-9)
      #expect(try figure("ensemble", "accuracy") == 1 && figure("ensemble", "f1_macro") == 1)
      #expect(try figure("ensemble", "regret") == 0 && figure("ensemble", "closed_gap_sbs") == 1)
      // No method is best on a fifth of the workloads, and half as slow again on the others.
      #expect(try abs(figure("ensemble", "acceleration_ratio") - pow(1.5, 0.8)) < 1e-6)
      for name in ["neural-factorization", "per-algorithm-forest", "boosted-trees", "coordinator"] {
        #expect(try figure(name, "accuracy") > 0.9, "\(name) \(output.standardOutput)")
      }
    }
  }

  @Test("Too few models or nodes are said; with nothing to leave out there is no table")
  func tooFew() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = try await imported(models: 2, nodes: 1)
    let output = try await Program.run(["selector", "evaluate", "--history", path])
    #expect(output.status == 0, "\(output)")
    #expect(output.standardOutput.contains("NOT the whole protocol: 2 models, the protocol has 4"), "\(output)")
    #expect(output.standardOutput.contains("NOT the whole protocol: 1 nodes, the protocol has 3"), "\(output)")
    #expect(!output.standardOutput.contains("LEAVE ONE NODE OUT"))
    let empty = try await Program.run(["selector", "evaluate", "--history", folder + "/none.sqlite"])
    #expect(empty.status == 65 && empty.standardError.contains("no history"), "\(empty)")
    try? FileManager.default.removeItem(atPath: folder)
    let one = try await imported(models: 1, nodes: 1)
    let refused = try await Program.run(["selector", "evaluate", "--history", one])
    #expect(refused.status == 65 && refused.standardError.contains("Deploy/measure-methods"), "\(refused)")
  }
}
