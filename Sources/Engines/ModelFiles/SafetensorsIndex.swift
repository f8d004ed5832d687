import Serving

/// Which file of a model in several parts has which tensor: `model.safetensors.index.json`.
struct SafetensorsIndex: Sendable {
  static let fileName = "model.safetensors.index.json"
  /// A table of 2^18 tensors with names of ordinary length.
  static let byteLimit = 64 << 20
  static let fileLimit = 4096

  /// File names, sorted; plain names in the model's own folder.
  let files: [String]
  let fileOfTensor: [String: String]

  /// - Throws: `badInput` for what is no usable index, or one that names files elsewhere.
  init(reading source: any ByteSource) throws(ApusError) {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "\(source.path) is not a usable index: \(reason)", advice: "Fetch the model again.")
    }
    guard source.size <= Self.byteLimit else {
      throw refuse("it has \(source.size) bytes; at most \(Self.byteLimit) are read")
    }
    var scanner = JSONScanner(try source.read(at: 0, count: source.size), path: source.path)
    var map: [String: String] = [:]
    var files: Set<String> = []
    try scanner.object { key, scanner throws(ApusError) in
      guard key == "weight_map" else { return try scanner.skip() }
      try scanner.object { tensor, scanner throws(ApusError) in
        let file = try scanner.string()
        guard Self.isPlain(file) else { throw refuse("it names the file \(file.prefix(80)), which is not beside it") }
        guard map.updateValue(file, forKey: tensor) == nil else { throw refuse("it has the tensor \(tensor) twice") }
        files.insert(file)
        guard map.count <= SafetensorsHeader.tensorLimit, files.count <= Self.fileLimit else {
          throw refuse("it names more than \(SafetensorsHeader.tensorLimit) tensors or \(Self.fileLimit) files")
        }
      }
    }
    try scanner.end()
    guard !map.isEmpty else { throw refuse("it names no tensor") }
    self.files = files.sorted()
    fileOfTensor = map
  }

  /// A name without any folder, so that an index cannot make us read elsewhere.
  static func isPlain(_ name: String) -> Bool {
    name.hasSuffix(".safetensors") && !name.hasPrefix(".") && name.utf8.count <= 255
      && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }

  /// The tensors of all parts, each compared with what the index says of it.
  ///
  /// - Parameter header: the header of one of `files`.
  /// - Throws: `badInput` when a part lacks a tensor or has one of another.
  func tensors(
    path: String, header: (String) throws(ApusError) -> SafetensorsHeader
  ) throws(ApusError) -> [SafetensorsHeader.Tensor] {
    func refuse(_ reason: String) -> ApusError {
      ApusError(
        .badInput, "the model in \(path) is incomplete or mixed up: \(reason)", advice: "Fetch the model again.")
    }
    var all: [SafetensorsHeader.Tensor] = []
    for file in files {
      for tensor in try header(file).tensors {
        guard let owner = fileOfTensor[tensor.name] else {
          throw refuse("\(file) has \(tensor.name), the index has not")
        }
        guard owner == file else { throw refuse("\(tensor.name) is in \(file), the index says \(owner)") }
        all.append(tensor)
      }
    }
    guard all.count == fileOfTensor.count else {
      let found = Set(all.map(\.name))
      let missing = fileOfTensor.keys.filter { !found.contains($0) }.sorted()
      throw refuse("\(missing.count) tensors are in no file, the first is \(missing.first ?? "")")
    }
    return all
  }
}
