import Foundation
import Serving

/// The raw samples of one measurement as bytes.
///
/// Layout, version 1: the byte 1, then the number of requests, then for each request
/// `sentAtSeconds`, `promptTokenCount`, a byte of flags (1: cached count present, 2: failure present),
/// the cached count, the failure as length and UTF-8, the number of tokens and `tokenSeconds`.
/// Whole numbers are zigzag variable-length (as in protobuf `sint64`), times are little-endian IEEE 754 doubles:
/// about 8 bytes for each token, and exact.
enum SampleCodec {
  static let version: UInt8 = 1

  static func encode(_ samples: [RequestTimeline]) -> Data {
    var writer = Writer()
    writer.bytes.reserveCapacity(16 + samples.reduce(0) { $0 + 40 + 8 * $1.tokenSeconds.count })
    writer.bytes.append(version)
    writer.put(samples.count)
    for sample in samples {
      writer.put(sample.sentAtSeconds)
      writer.put(sample.promptTokenCount)
      writer.bytes.append((sample.cachedTokenCount == nil ? 0 : 1) | (sample.failure == nil ? 0 : 2))
      if let cached = sample.cachedTokenCount { writer.put(cached) }
      if let failure = sample.failure {
        let utf8 = Array(failure.utf8)
        writer.put(utf8.count)
        writer.bytes.append(contentsOf: utf8)
      }
      writer.put(sample.tokenSeconds.count)
      for second in sample.tokenSeconds { writer.put(second) }
    }
    return Data(writer.bytes)
  }

  /// - Throws: `HistoryFault.damaged` when the bytes are none that `encode` gave.
  static func decode(_ bytes: Data) throws -> [RequestTimeline] {
    try bytes.withUnsafeBytes { raw throws in
      var reader = Reader(raw: raw)
      guard try reader.byte() == version else { throw HistoryFault.damaged("raw samples of an unknown version") }
      // The smallest request is 11 bytes and the smallest token 8, so a count cannot ask for more than there is.
      let samples = try (0..<reader.count(ofAtLeast: 11)).map { _ in
        let sentAt = try reader.double()
        let promptTokens = try reader.int()
        let flags = try reader.byte()
        let cached = flags & 1 == 0 ? nil : try reader.int()
        let failure = flags & 2 == 0 ? nil : try reader.text()
        let seconds = try (0..<reader.count(ofAtLeast: 8)).map { _ in try reader.double() }
        return RequestTimeline(
          sentAtSeconds: sentAt, tokenSeconds: seconds, promptTokenCount: promptTokens, cachedTokenCount: cached,
          failure: failure)
      }
      guard reader.isAtEnd else { throw HistoryFault.damaged("raw samples with bytes left over") }
      return samples
    }
  }

  private struct Writer {
    var bytes: [UInt8] = []

    mutating func put(_ value: Int) {
      var rest = UInt64(bitPattern: Int64(value << 1) ^ Int64(value >> 63))
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }

    mutating func put(_ value: Double) {
      withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
  }

  private struct Reader {
    let raw: UnsafeRawBufferPointer
    var offset = 0

    var isAtEnd: Bool { offset == raw.count }

    /// The place of the next `count` bytes, which are then behind the reader.
    private mutating func take(_ count: Int) throws -> Int {
      guard count >= 0, raw.count - offset >= count else { throw HistoryFault.damaged("raw samples cut off") }
      defer { offset += count }
      return offset
    }

    mutating func byte() throws -> UInt8 { raw[try take(1)] }

    mutating func double() throws -> Double {
      let bits = raw.loadUnaligned(fromByteOffset: try take(8), as: UInt64.self)
      return Double(bitPattern: UInt64(littleEndian: bits))
    }

    mutating func int() throws -> Int {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        let next = try byte()
        value |= UInt64(next & 0x7F) << shift
        if next < 0x80 { return Int(truncatingIfNeeded: Int64(value >> 1) ^ -Int64(value & 1)) }
      }
      throw HistoryFault.damaged("raw samples with an endless number")
    }

    mutating func count(ofAtLeast itemBytes: Int) throws -> Int {
      let count = try int()
      guard count >= 0, count <= (raw.count - offset) / itemBytes else {
        throw HistoryFault.damaged("raw samples that announce \(count) items")
      }
      return count
    }

    mutating func text() throws -> String {
      let count = try count(ofAtLeast: 1)
      let start = try take(count)
      return String(decoding: UnsafeRawBufferPointer(rebasing: raw[start..<start + count]), as: UTF8.self)
    }
  }
}
