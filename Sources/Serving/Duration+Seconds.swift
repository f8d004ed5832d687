extension Duration {
  /// In seconds, to about a nanosecond for durations up to a month.
  public var seconds: Double {
    // In two halves: to divide 128 bits takes longer than most of what is done with the time.
    let (high, low) = (Int64(truncatingIfNeeded: attoseconds >> 64), UInt64(truncatingIfNeeded: attoseconds))
    return (Double(high) * 0x1p64 + Double(low)) / 1e18
  }

  /// Whole milliseconds, rounded towards zero.
  public var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
