import Testing

@testable import Coordinator

@Suite("The price of a place")
struct SlotPriceTests {
  @Test("Nothing is missed, nothing is paid; what is missed steadily is the price; what was missed fades")
  func price() {
    var price = SlotPrice()
    #expect(price.perSecond(at: 0) == 0)
    // Half a second is lost four times a second.
    var now = 0.0
    while now < 10 * RecentRate.memory {
      price.lost(0.5, at: now)
      now += 0.25
    }
    #expect(abs(price.perSecond(at: now) - 2) < 0.1)
    #expect(price.perSecond(at: now + 3 * RecentRate.memory) < 0.12)
    #expect(price.perSecond(at: now - 1) <= 2.1, "a clock that is behind makes nothing dearer")
  }
}
