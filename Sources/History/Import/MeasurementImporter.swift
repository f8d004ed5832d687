public import Serving

/// One format that measurements of others come in. The seam of import: one file in `Importers` for each, all in
/// `ImporterCatalogue`.
///
/// An importer says what the source says and no more: what it does not say stays unknown (NaN, 0, nil, `unknown`) or is
/// what a person states.
public protocol MeasurementImporter: Sendable {
  /// As on the command line: lower case, words joined by hyphens.
  var name: String { get }
  /// One line for people, with the tool's version whose source was read.
  var summary: String { get }
  /// Whether a file that begins so is of this format; never true of two formats.
  func recognizes(_ beginning: String) -> Bool
  /// - Throws: `badInput` for a file that is not of this format as a whole, or `disk` when it cannot be read.
  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource
}

/// The rows of one file, read once from the first to the last.
public protocol ImportSource {
  /// Columns that mean nothing to Apus.
  var ignoredColumns: [String] { get }
  /// The next measurement or what is wrong with its row; nil at the end.
  mutating func next() throws(ApusError) -> Result<Measurement, ImportProblem>?
}

/// A row that says no measurement.
public struct ImportProblem: Error, Hashable, Sendable {
  /// Where the row begins, from 1.
  public var line: Int
  public var reason: String
}

/// What a person states of all measurements in a file whose format does not say it, or says less. Nil is not stated.
public struct StatedFacts: Hashable, Sendable {
  public var hardware: HardwareProfile?
  /// The one model of the file.
  public var model: ModelProfile?
  public var engine: EngineName?
  public var engineVersion: String?
  /// Settings that differ from the engine's own; empty states that the engine ran as it comes.
  public var knobs: [KnobName: KnobValue]?

  public init(
    hardware: HardwareProfile? = nil, model: ModelProfile? = nil, engine: EngineName? = nil,
    engineVersion: String? = nil, knobs: [KnobName: KnobValue]? = nil
  ) {
    self.hardware = hardware
    self.model = model
    self.engine = engine
    self.engineVersion = engineVersion
    self.knobs = knobs
  }
}
