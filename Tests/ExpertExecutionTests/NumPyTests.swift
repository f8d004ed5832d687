import ExpertPlacement
import Foundation
import TestKit
import Testing

@testable import ExpertExecution

/// The Python of an installed llama.cpp: APUS_STATE, or .apus in this checkout. It has gguf and numpy.
private let python: String? = {
  let checkout = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  let state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? "\(checkout)/.apus"
  let path = "\(state)/engines/llamacpp/bin/python"
  return FileManager.default.isExecutableFile(atPath: path) ? path : nil
}()

/// Batches over hosts against numpy on tensors that gguf-py decodes: another reader, another router, other products.
@Suite(
  "Experts against numpy",
  .enabled(if: python != nil, "llama.cpp is not installed: run Deploy/engines/llamacpp/install"),
  .timeLimit(.minutes(20)))
struct NumPyTests {
  /// arguments: model, rows (f32), tokens, block, top-k, renormalize (0 or 1), scale; writes sums (f32) beside the rows.
  private static let script = """
    import sys, numpy as np, gguf
    model, rows_path, tokens, block, k, renormalize, scale = sys.argv[1:8]
    tensors = {t.name: t for t in gguf.GGUFReader(model).tensors}
    def weights(name):
        t = tensors[f"blk.{block}.{name}.weight"]
        return gguf.dequantize(t.data, t.tensor_type).astype(np.float64).reshape([int(n) for n in reversed(t.shape)])
    router = weights("ffn_gate_inp")
    gate, up, down = (weights(f"ffn_{n}_exps") for n in ("gate", "up", "down"))
    x = np.fromfile(rows_path, np.float32).reshape(int(tokens), -1).astype(np.float64)
    logits = x @ router.T
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    out = np.zeros_like(x)
    for t in range(len(x)):
        chosen = np.argsort(-shares[t], kind="stable")[: int(k)]
        w = shares[t, chosen]
        if renormalize == "1":
            w = w / w.sum()
        for e, g in zip(chosen, w * float(scale)):
            a = gate[e] @ x[t]
            out[t] += g * (down[e] @ (a / (1 + np.exp(-a)) * (up[e] @ x[t])))
    out.astype(np.float32).tofile(rows_path + ".out")
    """

  struct Shape: Sendable, CustomTestStringConvertible {
    var model: MoEModel
    var testDescription: String {
      "\(model.architecture) \(model.encoding.rawValue) \(model.experts) x (\(model.hidden) x \(model.inner))"
    }
  }

  private static let shapes: [Shape] =
    TensorEncoding.allCases.map { Shape(model: MoEModel(layers: 1, experts: 16, topK: 4, encoding: $0)) } + [
      // DeepSeek-V2-Lite's hidden and inner size, top-6 and routing; of its 64 experts 8, which is what a test has time for.
      Shape(
        model: MoEModel(
          architecture: "deepseek2", layers: 1, denseBlocks: 1, experts: 8, topK: 6, hidden: 2048, inner: 1408,
          encoding: .q4,
          extra: [
            ("deepseek2.expert_weights_norm", 7, [0]),
            ("deepseek2.expert_weights_scale", 6, MoEModel.little(Float(1.5).bitPattern)),
          ]))
    ]

  @Test(arguments: shapes)
  func agreesWithNumPy(shape: Shape) async throws {
    let cluster = try await ExpertCluster(shape.model)
    let count = 24
    let (rows, routed) = try cluster.batch(count, layer: 0)
    let folder = TemporaryFolder()
    let path = folder.write(rows.flatMap { MoEModel.little($0.bitPattern) }, as: "rows")
    let model = cluster.model
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(python))
    process.arguments = [
      "-c", Self.script, model.path, path, "\(count)", "\(model.blocks[0])", "\(model.topK)",
      model.routing.isRenormalized ? "1" : "0", "\(model.routing.scale)",
    ]
    process.environment = ["OPENBLAS_NUM_THREADS": "1"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    let reference = try Data(contentsOf: URL(fileURLWithPath: path + ".out")).withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    let spread = (0..<model.expertCount).map { [$0 % 3] }
    for plan in [cluster.plan(spread), cluster.cutPlan([0.2, 0.5, 0.3])] {
      try await cluster.hub.place(plan, layers: 0..<1)
      let result = try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
      let error = Reference.relativeError(result.rows, reference)
      #expect(error < 1e-3, "relative error \(error)")
    }
  }
}
