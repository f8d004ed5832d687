import Selection
import Testing

@Suite("Features have names, and a version that a change of them breaks")
struct FeatureEncoderTests {
  @Test("Names are unique and spelled for a column")
  func names() {
    let columns = FeatureEncoder.columns
    #expect(columns.count == Set(columns).count)
    #expect(columns.allSatisfy { $0.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" } })
  }

  @Test("These columns are version 4: whoever changes them raises the version and this digest")
  func version() {
    #expect(FeatureEncoder.version == 4)
    #expect(FeatureEncoder.digest == 16_393_943_816_767_936_601)
  }
}
