import CEchoBenchmark
import Foundation
import Messaging
import Serving

/// Batches of a plain C scatter and gather with the messages of a real one.
struct ScatterRun: Sendable {
  /// Bytes of a message's frames and where it goes.
  struct Part: Sendable {
    var host: Int
    var isLast: Bool
    var rows: Int
    var extras: [Int]
  }

  /// About what a header of messages.proto takes.
  static let headerBytes = 40

  var hostCount: Int
  var parts: [Part]
  var rounds: Int

  /// Seconds of each batch.
  func run() async throws -> [Double] {
    var hosts: [ChildService] = []
    var addresses: [String] = []
    var keys: [String] = []
    for _ in 0..<hostCount {
      let host = try ChildService.start(
        [ChildService.program("apus-benchmarks"), "serve-scatter", "--answer-header", "\(Self.headerBytes)"])
      hosts.append(host)
      let words = try await host.nextLine().split(separator: " ", maxSplits: 1).map(String.init)
      guard words.count == 2 else { throw ApusError(.bug, "a scatter host introduced itself as \(words)") }
      addresses.append(words[0])
      keys.append(words[1])
    }
    let (known, shared) = (addresses, keys)
    let seconds = await withCheckedContinuation { waiting in
      Thread.detachNewThread { waiting.resume(returning: drive(known, shared)) }
    }
    for host in hosts { await host.stop() }
    guard let seconds else { throw ApusError(.unavailable, "a scatter host does not answer") }
    return seconds
  }

  /// Blocks until all came back; nil when a host fell silent.
  private func drive(_ addresses: [String], _ serverKeys: [String]) -> [Double]? {
    let pair = KeyPair.generate()
    let parts = parts.map {
      apus_scatter_part(
        host: Int32($0.host), is_last: $0.isLast ? 1 : 0, header: Self.headerBytes, rows: $0.rows,
        extras: ($0.extras[0], $0.extras[1], $0.extras[2]))
    }
    var seconds = [Double](repeating: 0, count: rounds)
    let copies = (addresses + serverKeys).map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let texts = copies.map { UnsafePointer<CChar>($0) }
    let result = texts[..<addresses.count].withUnsafeBufferPointer { addresses in
      texts[addresses.count...].withUnsafeBufferPointer { serverKeys in
        pair.publicKey.withCString { publicKey in
          pair.secretKey.withCString { secretKey in
            parts.withUnsafeBufferPointer { parts in
              var load = apus_scatter_load(
                addresses: addresses.baseAddress, server_keys: serverKeys.baseAddress, hosts: Int32(addresses.count),
                public_key: publicKey, secret_key: secretKey, parts: parts.baseAddress, part_count: parts.count,
                rounds: Int32(rounds))
              return apus_scatter_drive(&load, &seconds)
            }
          }
        }
      }
    }
    return result == 0 ? seconds : nil
  }
}
