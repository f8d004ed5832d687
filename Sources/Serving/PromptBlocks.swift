/// A prompt's beginnings as numbers: block after block, each number stands for all of the prompt up to its block's end.
/// Equal numbers mean, but for an accident of 2^-64, equal beginnings.
public struct PromptBlocks: Hashable, Sendable {
  /// About 64 tokens; engines share prefixes in blocks of 16 to 64.
  public static let bytes = 256
  /// Longer prompts are told apart by their first 64 KiB.
  static let most = 256

  public let hashes: [UInt64]

  /// - Parameter tools: templates put them before the chat.
  public init(_ prompt: Prompt, tools: Tools? = nil) {
    var hashing = Hashing()
    for function in tools?.functions ?? [] { hashing.add(function.json) }
    switch prompt {
    case .text(let text): hashing.add(text)
    case .chat(let messages):
      for message in messages {
        hashing.add(message.role)
        hashing.add(message.content)
        for call in message.toolCalls ?? [] {
          hashing.add(call.name)
          hashing.add(call.arguments)
        }
      }
    }
    hashes = hashing.hashes
  }

  /// The blocks so far, and the one that is being filled.
  private struct Hashing {
    var hashes: [UInt64] = []
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var filled = 0

    mutating func add(_ text: String) {
      var text = text
      text.withUTF8 { bytes in
        var place = 0
        while place < bytes.count, hashes.count < PromptBlocks.most {
          // A block ends where it ends, whatever the pieces the prompt comes in.
          let end = min(bytes.count, place + PromptBlocks.bytes - filled)
          filled += end - place
          while place + 8 <= end {
            let word = UnsafeRawPointer(bytes.baseAddress! + place).loadUnaligned(as: UInt64.self)
            mix(word)
            place += 8
          }
          while place < end {
            mix(UInt64(bytes[place]))
            place += 1
          }
          if filled == PromptBlocks.bytes {
            hashes.append(state)
            filled = 0
          }
        }
      }
    }

    private mutating func mix(_ word: UInt64) {
      let product = (state ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
      state = product.high ^ product.low ^ (word << 1)
    }
  }
}

/// What an engine on a node was asked lately, bounded: two generations of blocks, the older of which is forgotten when
/// the younger is full. So at least half of the bound is remembered, in the order of use, without a list to keep.
public struct PrefixMemory: Sendable {
  /// Blocks of a generation.
  private let generation: Int
  private var young: Set<UInt64> = []
  private var old: Set<UInt64> = []

  /// - Parameter generation: 2 x 4096 x 64 tokens are half a million, more than most engines keep.
  public init(generation: Int = 4096) { self.generation = generation }

  public var count: Int { young.count + old.count }

  public mutating func insert(_ blocks: PromptBlocks, engine: UInt64) {
    for hash in blocks.hashes {
      if young.count >= generation {
        old = young
        young = []
      }
      young.insert(hash ^ engine)
    }
  }

  /// How many of the prompt's first blocks it was asked before.
  public func overlap(_ blocks: PromptBlocks, engine: UInt64) -> Int {
    guard !young.isEmpty || !old.isEmpty else { return 0 }
    var count = 0
    for hash in blocks.hashes {
      guard young.contains(hash ^ engine) || old.contains(hash ^ engine) else { break }
      count += 1
    }
    return count
  }

  public mutating func forget() {
    young = []
    old = []
  }
}
