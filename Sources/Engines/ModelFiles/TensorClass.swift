/// What a tensor is for, told by its name: where the bytes of a model are, and which of them could lie elsewhere.
public enum TensorClass: String, CaseIterable, Codable, Sendable {
  /// Token embedding. Where it is also the output matrix it counts here.
  case embedding
  case output
  case attention
  case feedForward = "feed-forward"
  /// The feed-forward matrices of the experts that are chosen for each token.
  case experts
  /// Chooses the experts.
  case router
  case norm
  /// Whatever no rule knows: state-space layers, vision towers, rotary tables.
  case other

  /// - Parameter name: as GGUF (`blk.0.ffn_up_exps.weight`) or Hugging Face (`model.layers.0.mlp.up_proj.weight`) writes it.
  static func of(_ name: String) -> TensorClass {
    // The first rule that is part of the name counts: an expert's matrix also has a feed-forward matrix's name.
    rules.first { name.contains($0.part) }?.kind ?? .other
  }

  private static let rules: [(part: String, kind: TensorClass)] = [
    ("_exps.", .experts), (".experts.", .experts), ("ffn_gate_inp", .router), (".mlp.gate.", .router),
    ("block_sparse_moe.gate.", .router), (".router.", .router), ("_norm.", .norm), ("layernorm", .norm),
    ("model.norm.", .norm), (".ln_", .norm), ("token_embd", .embedding), ("embed_tokens", .embedding),
    (".wte.", .embedding), ("lm_head", .output), ("attn_", .attention), ("self_attn", .attention),
    (".attn.", .attention), (".attention.", .attention), ("ffn_", .feedForward), (".mlp.", .feedForward),
    ("shared_expert", .feedForward), ("output.weight", .output),
  ]
}
