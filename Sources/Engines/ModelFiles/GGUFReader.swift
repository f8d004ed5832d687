public import Serving

/// What a model file says of itself, as the selector needs it.
public enum GGUFReader {
  /// The profile of a model file. Hashes the whole file: about a second for each gigabyte.
  ///
  /// - Parameter name: what people call it; the file's name without its ending when nil.
  /// - Throws: `badInput` for a file that cannot be read or that no engine could load.
  public static func profile(path: String, name: String?) throws(ApusError) -> ModelProfile {
    let header = try GGUFHeader(readingFrom: path)
    let facts = try GGUFModelFacts(header, path: path)
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return facts.profile(
      id: ModelID(try SHA256.hexDigest(ofFile: path)),
      name: name ?? (file.hasSuffix(".gguf") ? String(file.dropLast(5)) : file))
  }

  /// The same from bytes, without a digest: what a fuzzer calls. Everything `profile` reads goes through this.
  public static func profile(reading source: any ByteSource) throws(ApusError) -> ModelProfile {
    try GGUFModelFacts(try GGUFHeader(reading: source), path: source.path).profile(id: ModelID(""), name: "")
  }

  /// Bytes of the weights by what they are for.
  public static func bytesByClass(path: String) throws(ApusError) -> [TensorClass: Int] {
    try GGUFModelFacts(try GGUFHeader(readingFrom: path), path: path).bytesByClass
  }

  /// The whole numbers of a metadata array, such as `apus.edit_document_tokens`; nil when the file has no such array.
  public static func integers(path: String, key: String) throws(ApusError) -> [Int]? {
    guard case .integers(let values) = try GGUFHeader(readingFrom: path).metadata[key] else { return nil }
    return values.map { Int($0) }
  }

  /// Metadata values as text, sorted by key; long arrays by their count. For `apus model show`.
  public static func metadata(path: String) throws(ApusError) -> [(key: String, value: String)] {
    try GGUFHeader(readingFrom: path).metadata.sorted { $0.key < $1.key }.map { key, value in
      (key, value.summary)
    }
  }
}

extension GGUFValue {
  fileprivate var summary: String {
    switch self {
    case .unsigned(let value): String(value)
    case .signed(let value): String(value)
    case .float(let value): String(value)
    case .bool(let value): String(value)
    case .text(let text): text
    case .integers(let values): values.count <= 8 ? "\(values)" : "\(values.count) numbers"
    case .array(let count, _): "\(count) elements"
    }
  }
}
