import Testing

@testable import ExpertExecution

/// Half precision as the processor's own `Float16` has it.
@Suite("Half precision")
struct HalfFloatsTests {
  /// All 65,536 of them.
  @Test func everyHalfBecomesItsNumber() {
    let wrong = (UInt16.min...UInt16.max).count { bits in
      let (ours, exact) = (HalfFloats.float(bits), Float(Float16(bitPattern: bits)))
      return exact.isNaN ? !ours.isNaN : ours.bitPattern != exact.bitPattern
    }
    #expect(wrong == 0)
  }

  /// Around every half, on it, and halfway to the next, where ties go to even.
  @Test func everyNumberBecomesTheNearestHalf() {
    var wrong: [Float] = []
    for bits in UInt16(0)..<0x7C00 {
      let exact = Float(Float16(bitPattern: bits))
      let halfway = (exact + Float(Float16(bitPattern: bits + 1))) / 2
      for number in [exact, -exact, exact.nextUp, exact.nextDown, halfway, halfway.nextUp, halfway.nextDown]
      where number.isFinite && HalfFloats.half(number) != Float16(number).bitPattern {
        wrong.append(number)
      }
    }
    #expect(wrong.isEmpty)
    #expect(HalfFloats.half(.infinity) == Float16.infinity.bitPattern)
    #expect(HalfFloats.half(-70_000) == (-Float16.infinity).bitPattern)
    #expect(Float16(bitPattern: HalfFloats.half(.nan)).isNaN)
  }

  @Test func knowsWhatItCannotHold() {
    #expect(HalfFloats.canHold([0, 65_504, -65_519, 1e-9]))
    for number in [Float.nan, .infinity, 65_520, -1e9] { #expect(!HalfFloats.canHold([1, number])) }
  }
}
