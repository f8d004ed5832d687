import Serving

/// The token list of a Hugging Face `tokenizer.json`, as far as two tokenizers are compared by it.
struct TokenizerVocabulary: Sendable {
  static let fileName = "tokenizer.json"
  /// Three times the largest one known (about 35 MB), and a bound on what a hostile file can make us hold.
  static let byteLimit = 128 << 20
  static let tokenLimit = 1 << 22
  /// Numbers without a token that are filled in: models round their vocabulary up to some hundreds.
  static let holeLimit = 1 << 16

  /// Tokens by their number.
  private let tokens: [Int: String]

  /// - Throws: `badInput` for what is no usable tokenizer.
  init(reading source: any ByteSource) throws(ApusError) {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "\(source.path) is not a usable tokenizer: \(reason)", advice: "Fetch the model again.")
    }
    guard source.size <= Self.byteLimit else {
      throw refuse("it has \(source.size) bytes; at most \(Self.byteLimit) are read")
    }
    var scanner = JSONScanner(try source.read(at: 0, count: source.size), path: source.path)
    var tokens: [Int: String] = [:]
    func note(_ token: String, _ id: Int?) throws(ApusError) {
      guard let id, (0..<Self.tokenLimit).contains(id) else { throw refuse("a token has the number \(id ?? -1)") }
      tokens[id] = token
    }
    try scanner.object { key, scanner throws(ApusError) in
      switch key {
      case "model":
        try scanner.object { key, scanner throws(ApusError) in
          guard key == "vocab" else { return try scanner.skip() }
          try Self.readVocabulary(&scanner, note)
        }
      case "added_tokens":
        try scanner.array { scanner throws(ApusError) in
          var (id, content): (Int?, String?) = (nil, nil)
          try scanner.object { key, scanner throws(ApusError) in
            switch key {
            case "id": id = try scanner.integer()
            case "content": content = try scanner.string()
            default: try scanner.skip()
            }
          }
          try note(content ?? "", id)
        }
      default: try scanner.skip()
      }
    }
    try scanner.end()
    let highest = tokens.keys.max() ?? 0
    guard highest < tokens.count + Self.holeLimit else {
      throw refuse("it has \(tokens.count) tokens with numbers up to \(highest)")
    }
    self.tokens = tokens
  }

  /// `{"token": number}`, or for unigram models `[["token", score], ...]` whose places are the numbers.
  private static func readVocabulary(
    _ scanner: inout JSONScanner, _ note: (String, Int?) throws(ApusError) -> Void
  ) throws(ApusError) {
    switch try scanner.kind() {
    case .object:
      try scanner.object { token, scanner throws(ApusError) in try note(token, try scanner.integer()) }
    case .array:
      var place = 0
      try scanner.array { scanner throws(ApusError) in
        var token: String?
        try scanner.array { scanner throws(ApusError) in
          if token == nil { token = try scanner.string() } else { try scanner.skip() }
        }
        try note(token ?? "", place)
        place += 1
      }
    default: throw scanner.refusal("the vocabulary is neither an object nor a list")
    }
  }

  var count: Int { (tokens.keys.max() ?? -1) + 1 }

  /// The same as `GGUFHeader` computes of `tokenizer.ggml.tokens`: SHA-256 over each token's length (64 bits,
  /// little-endian) and bytes. Numbers without a token get the name that llama.cpp's converter gives them.
  ///
  /// - Parameter size: as the model's figures say; at least `count`.
  func fingerprint(size: Int) -> String {
    var hash = SHA256()
    for id in 0..<max(count, min(size, count + Self.holeLimit)) {
      let bytes = Array((tokens[id] ?? "[PAD\(id)]").utf8)
      hash.update(withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Array($0) } + bytes)
    }
    return hash.hexDigest()
  }
}
