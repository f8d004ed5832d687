import FoundationEssentials
import Glibc
import Serving

/// The bytes of a trained selector.
///
/// `APUSSEL5`, the header's length (4 bytes, little-endian), the header (JSON), the trees, and a checksum of all that
/// (FNV-1a, 8 bytes, little-endian). Any other content is refused before a byte of it reaches XGBoost.
struct SelectorFile {
  struct Header: Codable, Equatable, Sendable {
    var encoderVersion: Int
    var columnsDigest: UInt64
    var rowCount: Int
    var refusedCount: Int
    var contextCount: Int
    var trainedAtMS: Int64
    /// See `SelectorModel.pair`.
    var knownPairs: [UInt64]
    /// `SelectorModel.hash` of each model and each hardware.
    var knownModels: [UInt64]
    var knownHardware: [UInt64]
    /// What it learned from.
    var contexts: [Context]
    /// One for each `CostMetric`, in its order.
    var metrics: [Metric]
  }

  struct Context: Codable, Equatable, Sendable {
    /// See `TrainingSet.contextHash`.
    var hash: UInt64
    /// Logarithm of the cost of what was chosen there by trees that had not seen it, over the best that was measured;
    /// nil where too little was measured to say.
    var regret: Double?
  }

  struct Metric: Codable, Equatable, Sendable {
    /// `CostMetric.name`.
    var name: String
    /// How much of the roofline's ratio is taken before the trees correct it, 0...1.
    var rooflineTrust: Double
    /// By how much costs lie above the roofline in the mean, as a logarithm.
    var levelOffset: Double
    /// Who answers where the hardware or the model is new.
    var newHardwareAnswer: UnfamiliarAnswer
    var newModelAnswer: UnfamiliarAnswer
    /// How wrong it is in contexts it has not seen, by how far they are from those it has.
    var known: Spread
    var newHardware: Spread
    var newModel: Spread
    /// What the deviation of a cost is multiplied by where the configuration was measured before in its context.
    var measuredCostFactor: Double
    /// Places of `BlendedRegressor.bytes` within the trees; empty for none.
    var levelTrees: Range<Int>
    var ratioTrees: Range<Int>
    /// Place of `PooledEffects.bytes` within the trees.
    var effects: Range<Int>

    func spread(_ familiarity: Familiarity) -> Spread {
      switch familiarity {
      case .known: known
      case .newHardware: newHardware
      case .newModel: newModel
      case .newModelAndHardware: newModel.joined(newHardware, beside: known)
      }
    }

    func answer(_ familiarity: Familiarity) -> UnfamiliarAnswer {
      switch familiarity {
      case .known: .trees
      case .newHardware: newHardwareAnswer
      case .newModel, .newModelAndHardware: newModelAnswer
      }
    }
  }

  static let magic = Array("APUSSEL5".utf8)
  /// Far above any real one: 12 regressors of at most a megabyte.
  static let mostBytes = 256 << 20

  var header: Header
  var trees: [UInt8]

  init(header: Header, trees: [UInt8]) {
    self.header = header
    self.trees = trees
  }

  var bytes: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let json = try? encoder.encode(header) else {
      preconditionFailure("finite numbers and names are always JSON")
    }
    var bytes = Self.magic
    withUnsafeBytes(of: UInt32(json.count).littleEndian) { bytes += $0 }
    bytes += json
    bytes += trees
    withUnsafeBytes(of: StableHash.of(bytes).littleEndian) { bytes += $0 }
    return bytes
  }

  /// - Parameter name: of the source, for errors.
  init(bytes: [UInt8], name: String) throws(ApusError) {
    let frame = Self.magic.count + 4
    guard bytes.count >= frame + 8, bytes.starts(with: Self.magic) else {
      throw Self.broken(name, "it does not begin like one")
    }
    let content = bytes.dropLast(8)
    let checksum = bytes.suffix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard StableHash.of(content) == checksum else {
      throw Self.broken(name, "its checksum is wrong")
    }
    let length = bytes[Self.magic.count..<frame].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= content.count - frame else {
      throw Self.broken(name, "its header is longer than the file")
    }
    guard
      let header = try? JSONDecoder().decode(
        Header.self, from: Data(content[frame..<frame + length]))
    else {
      throw Self.broken(name, "its header cannot be read")
    }
    guard header.encoderVersion == FeatureEncoder.version,
      header.columnsDigest == FeatureEncoder.digest
    else {
      throw ApusError(
        .badInput,
        "the selector model \(name) was made with encoder version \(header.encoderVersion) or other columns; "
          + "this program has version \(FeatureEncoder.version)",
        advice: "train it again: apus selector train")
    }
    trees = Array(content[(frame + length)...])
    self.header = header
    try check(name)
  }

  private func check(_ name: String) throws(ApusError) {
    guard header.contexts.allSatisfy({ $0.regret.map { $0.isFinite && $0 >= 0 } ?? true }) else {
      throw Self.broken(name, "a regret is out of range")
    }
    guard header.metrics.map(\.name) == CostMetric.allCases.map(\.name) else {
      throw Self.broken(name, "its metrics are \(header.metrics.map(\.name))")
    }
    for metric in header.metrics {
      guard Familiarity.allCases.allSatisfy({ metric.spread($0).isSound }), metric.rooflineTrust.isFinite,
        metric.levelOffset.isFinite, metric.measuredCostFactor.isFinite, metric.measuredCostFactor > 0,
        [metric.levelTrees, metric.ratioTrees, metric.effects].allSatisfy({
          $0.lowerBound >= 0 && $0.upperBound <= trees.count
        })
      else { throw Self.broken(name, "the figures of \(metric.name) are out of range") }
    }
  }

  static func broken(_ name: String, _ why: String) -> ApusError {
    ApusError(
      .badInput, "\(name) is not a selector model: \(why)",
      advice: "train it again: apus selector train")
  }

  static func read(_ path: String) throws(ApusError) -> [UInt8] {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw ApusError(
        .badInput, "the selector model \(path) cannot be read: \(String(cString: strerror(errno)))",
        advice: "train one: apus selector train")
    }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= mostBytes else {
      throw broken(path, "it is no plain file of at most \(mostBytes >> 20) MB")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ApusError(
        .badInput, "the selector model \(path) cannot be read", advice: "see who may read the file")
    }
    return Array(data)
  }
}
