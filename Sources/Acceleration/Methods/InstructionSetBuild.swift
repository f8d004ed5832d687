public import Serving

/// Runs another build of the engine, made for more of the processor's instructions.
///
/// Measured with llama.cpp: AVX-512 1.2 times as fast as AVX2 on a dense model and 1.4 times on a mixture, AMX 2.6 times
/// when reading prompts of the dense one and slower than AVX-512 on the mixture.
public struct InstructionSetBuild: AccelerationMethod {
  static let methodName = MethodName("instruction-set-build")
  /// What the processor must have for a build, the most capable build first.
  static let needs: [(build: String, flags: Set<String>)] = [
    ("amx", ["amx_tile", "amx_int8", "avx512f"]), ("avx512", ["avx512f", "avx512_vnni"]), ("avx2", ["avx2"]),
  ]

  public let name = methodName
  public let summary =
    "Runs the build of the engine for AVX2, AVX-512 or AMX (llama.cpp GGML_AVX512, GGML_AMX_TILE)."
  /// The same sums in another order.
  public let fidelity = Fidelity.exact
  public let knobs: Set<KnobName> = [.isaBuild]

  public init() {}

  public func settings(in context: AccelerationContext) -> [MethodSetting] {
    let choices = context.abilities.choices[.isaBuild] ?? []
    let builds = Self.needs.filter { choices.contains($0.build) }
    let usual = context.abilities.defaults[.isaBuild]?.textValue
    let settings = builds.compactMap { build -> MethodSetting? in
      guard build.build != usual else { return nil }
      let missing = build.flags.subtracting(context.hardware.instructionSets)
      return MethodSetting(
        [.isaBuild: .text(build.build)],
        refusedReason: missing.isEmpty ? nil : "the processor has no \(missing.sorted().joined(separator: ", "))")
    }
    return settings.isEmpty ? [.refused("\(context.engine) has no build to choose")] : settings
  }
}
