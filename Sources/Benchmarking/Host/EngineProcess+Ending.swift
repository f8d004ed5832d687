import Engines

extension EngineProcess {
  /// How the engine ended, if it did. A lost connection is seen before the guard's report of why, so that is waited for.
  func ending(after failures: [RequestFailure?]) async -> EngineFailure? {
    let hasLostConnection = failures.contains {
      if case .connectionLost = $0 { true } else { false }
    }
    guard hasLostConnection else { return ending }
    return await withTaskGroup(of: EngineFailure?.self) { group in
      group.addTask { await self.exit() }
      group.addTask {
        try? await Task.sleep(for: .seconds(3))
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }
}
