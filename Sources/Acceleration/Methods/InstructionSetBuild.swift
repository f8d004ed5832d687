public import Serving

/// Runs another build of the engine, made for more of the processor's instructions.
///
/// A build is tried only where it is installed, ran when its node tried it, and finds all that it was made for: a kernel
/// that nothing called when it was tried would die by an illegal instruction in the middle of a trial.
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
    // As the engine takes the first that runs.
    let usual = context.builds.first { $0.fault == nil }?.name
    let settings = Self.needs.compactMap { need -> MethodSetting? in
      guard need.build != usual, let build = context.builds.first(where: { $0.name == need.build }) else { return nil }
      return MethodSetting(
        [.isaBuild: .text(need.build)], refusedReason: Self.refusal(of: build, needing: need.flags, in: context))
    }
    guard settings.isEmpty else { return settings }
    let names = context.builds.map(\.name).joined(separator: ", ")
    return [
      .refused(
        names.isEmpty
          ? "no builds of \(context.engine) to choose from are installed here"
          : "of \(context.engine), \(names) is installed here, and nothing to choose in its place")
    ]
  }

  private static func refusal(
    of build: EngineBuild, needing flags: Set<String>, in context: AccelerationContext
  ) -> String? {
    if let fault = build.fault { return "the installed build for \(build.name) does not run here: it \(fault)" }
    let missing = flags.subtracting(context.hardware.instructionSets)
    return missing.isEmpty ? nil : "the processor has no \(missing.sorted().joined(separator: ", "))"
  }
}
