import Foundation

/// Numbered steps with the time each took.
final class Steps {
  private let total: Int
  private var number = 0
  private let start = ContinuousClock.now

  init(total: Int) { self.total = total }

  /// Announces a step, does it, and says how long it took.
  func step<R>(_ title: String, _ body: () async throws -> R) async throws -> R {
    number += 1
    Console.print("\n[\(number)/\(total)] \(title)")
    let began = ContinuousClock.now
    let result = try await body()
    Console.print("  done in \(Figures.seconds((ContinuousClock.now - began) / .seconds(1)))")
    return result
  }

  var elapsedSeconds: Double { (ContinuousClock.now - start) / .seconds(1) }
}
