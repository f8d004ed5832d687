extension Measurement {
  /// Whether a slot that an earlier engine had saved spared a job the reading of some of its prompt: the worker then says
  /// `slot_store` in its configuration. Its times say nothing of a job that had to read everything.
  public var hasRestoredPrefix: Bool {
    guard case .job = source else { return false }
    return configuration[.slotStore] == .bool(true)
  }
}
