/// A GPU kernel in PTX (NVIDIA: PTX ISA) that does nothing but products, for the rate at which a GPU does them.
///
/// From Ampere on, products of small half-precision matrices with single-precision sums (`mma.sync.m16n8k16`), which is
/// what engines read prompts with; Hopper's own instructions are about half as fast again. On older GPUs, fused
/// multiply-adds of single-precision numbers.
enum MatrixProductKernel {
  static let name = "products"
  static let threads: UInt32 = 256
  /// As many as keep every multiprocessor busy.
  static let blocksPerMultiprocessor: UInt32 = 8
  private static let warpSize = 32.0
  /// Sums that do not wait for each other.
  private static let chains = 8

  /// - Parameter computeCapability: of the GPU, its first number.
  static func text(computeCapability: Int32) -> String {
    computeCapability >= 8 ? text(target: "sm_80", matrixStep) : text(target: "sm_50", singleStep)
  }

  /// Floating-point operations of one launch.
  static func operations(computeCapability: Int32, blocks: UInt32, rounds: UInt32) -> Double {
    let warps = Double(blocks) * Double(threads) / warpSize
    let each = computeCapability >= 8 ? 2.0 * 16 * 8 * 16 : 2 * 4 * warpSize
    return warps * Double(rounds) * Double(chains) * each
  }

  private static func sums(_ chain: Int) -> [String] { (0..<4).map { "%d\(4 * chain + $0)" } }

  private static func matrixStep(_ chain: Int) -> String {
    let sums = "{\(sums(chain).joined(separator: ","))}"
    return "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 \(sums), {%a0,%a1,%a2,%a3}, {%b0,%b1}, \(sums);"
  }

  private static func singleStep(_ chain: Int) -> String {
    sums(chain).map { "fma.rn.f32 \($0), %x, %y, \($0);" }.joined(separator: " ")
  }

  private static func text(target: String, _ step: (Int) -> String) -> String {
    let all = (0..<chains).flatMap(sums)
    // Each begins elsewhere, so that no two are one to the compiler.
    let begin = all.enumerated().map {
      "mov.f32 \($0.element), 0f3f8000\($0.offset < 16 ? "0" : "")\(String($0.offset, radix: 16));"
    }
    // 1.0 and a little, in every half: a zero is multiplied at less power, and so faster.
    let halves = ["%a0", "%a1", "%a2", "%a3", "%b0", "%b1"].map { "or.b32 \($0), %t, 0x3c003c00;" }
    return """
      .version 7.0
      .target \(target)
      .address_size 64
      .visible .entry \(name)(.param .u64 result, .param .u32 rounds)
      {
        .reg .pred %again;
        .reg .b32 %a<4>, %b<2>, %t;
        .reg .u32 %n;
        .reg .f32 %d<\(all.count)>, %x, %y;
        .reg .u64 %to, %offset;
        ld.param.u64 %to, [result];
        ld.param.u32 %n, [rounds];
        mov.u32 %t, %tid.x;
        mul.wide.u32 %offset, %t, 4;
        cvta.to.global.u64 %to, %to;
        add.u64 %to, %to, %offset;
        \(halves.joined(separator: " "))
        cvt.rn.f32.u32 %x, %t;
        mov.f32 %y, 0f3f800001;
        \(begin.joined(separator: " "))
      ROUND:
        \((0..<chains).map(step).joined(separator: "\n  "))
        sub.u32 %n, %n, 1;
        setp.ne.u32 %again, %n, 0;
        @%again bra ROUND;
        \(all.dropFirst().map { "add.f32 %d0, %d0, \($0);" }.joined(separator: " "))
        st.global.f32 [%to], %d0;
        ret;
      }
      """
  }
}
