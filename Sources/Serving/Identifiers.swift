/// A name that crosses the wire and the database as plain text, typed so that two kinds cannot be mixed up.
public protocol Identifier: RawRepresentable<String>, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
  init(rawValue: String)
}

extension Identifier {
  public init(_ text: String) { self.init(rawValue: text) }
  public var description: String { rawValue }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  /// Its first and last bytes as a number. To hash all of a name takes longer than most of what is done with it, and these
  /// tell names apart that a coordinator made, which counts at their ends, that the owner gave to machines, or that are
  /// digests. Not for what others choose, who could choose names that are alike.
  public var ends: UInt64 {
    rawValue.utf8.withContiguousStorageIfAvailable { bytes in
      guard bytes.count >= 8 else { return bytes.reduce(0) { $0 << 8 | UInt64($1) } }
      let all = UnsafeRawBufferPointer(bytes)
      let first = all.loadUnaligned(as: UInt64.self)
      return first &* 0x9E37_79B9_7F4A_7C15 &+ all.loadUnaligned(fromByteOffset: all.count - 8, as: UInt64.self)
    } ?? 0
  }
}

/// SHA-256 of a model's file, 64 lower-case hexadecimal digits.
public struct ModelID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(ends) }
  public func _rawHashValue(seed: Int) -> Int { KeyHash.of(ends, seed: seed) }
}

/// A job, named by the coordinator when it was stored.
public struct JobID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(ends) }
  public func _rawHashValue(seed: Int) -> Int { KeyHash.of(ends, seed: seed) }
}

/// One benchmark trial: configurations x workloads on one worker under one lease.
public struct TrialID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
}

/// A benchmark: what one `apus benchmark` asked for, made of trials.
public struct BenchmarkID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
}

/// One measurement. Made by the worker that measured, so that a report sent twice is stored once.
public struct MeasurementID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
}

/// The right of one worker to run one job or trial until it reports or stops to be heard of.
public struct LeaseID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(ends) }
  public func _rawHashValue(seed: Int) -> Int { KeyHash.of(ends, seed: seed) }
}

/// A worker's name: the name its key was authorized under, so nobody can take another's.
public struct WorkerName: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public func hash(into hasher: inout Hasher) { hasher.combine(ends) }
  public func _rawHashValue(seed: Int) -> Int { KeyHash.of(ends, seed: seed) }
}

/// A physical machine. Workers on one machine share its cores, so only one trial runs there at a time.
public struct MachineID: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
}

/// An engine adapter's name, such as `llamacpp`.
public struct EngineName: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
}

/// An acceleration method's name, such as `speculative-decoding`.
public struct MethodName: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
}

extension Identifier {
  /// A fresh identifier: `prefix-` and 20 random lower-case letters and digits (about 103 bits).
  public static func random(_ prefix: String, using generator: inout some RandomNumberGenerator) -> Self {
    var letters: [UInt8] = []
    // Ten of each number: the system is asked for random bytes twice, not once for each letter.
    for _ in 0..<2 {
      var number = UInt64.random(in: 0..<3_656_158_440_062_976, using: &generator)  // 36^10
      for _ in 0..<10 {
        letters.append(alphabet[Int(number % 36)])
        number /= 36
      }
    }
    return Self(rawValue: prefix + "-" + String(decoding: letters, as: UTF8.self))
  }

  public static func random(_ prefix: String) -> Self {
    var system = SystemRandomNumberGenerator()
    return random(prefix, using: &system)
  }
}

private let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
