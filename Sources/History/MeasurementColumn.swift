/// The columns of the table `measurements`, in the order in which Apus writes and reads them.
///
/// The raw value is the place in a row's arguments and results.
enum MeasurementColumn: Int, CaseIterable {
  case id
  case source, trialID, benchmarkID, purpose, round, jobID, importedFrom
  case worker
  case hardwareRow, modelProfileRow, workloadRow, configurationRow
  case fidelity, engineVersion, startedAtMS
  case outcome, timedOutAfterSeconds
  case requestCount, failedRequestCount, promptTokenCount, outputTokenCount
  case wallSeconds, cpuSeconds, peakMemoryBytes, loadSeconds
  case ttftMeanMS, ttftP50MS, ttftP90MS, ttftP99MS
  case itlMeanMS, itlP50MS, itlP90MS, itlP99MS
  case tpotMeanMS, tpotP50MS, tpotP90MS, tpotP99MS
  case e2eMeanMS, e2eP50MS, e2eP90MS, e2eP99MS
  case acceptanceRate
  case warnings
  case failureDetail, failureLastLines
  case energyJoules, memoryEstimateBytes, acceleratorMemoryBytes, acceleratorMemoryEstimateBytes

  /// The case's name in snake case: `ttftP50MS` is `ttft_p50_ms`.
  var name: String {
    var name = ""
    var previousIsUpper = true
    for letter in String(describing: self) {
      if letter.isUppercase && !previousIsUpper { name += "_" }
      previousIsUpper = letter.isUppercase
      name += letter.lowercased()
    }
    return name
  }

  static let selectList = allCases.map { "m.\($0.name)" }.joined(separator: ", ")

  static let insertSQL = """
    INSERT INTO measurements (\(allCases.map(\.name).joined(separator: ", ")))
    VALUES (\(allCases.map { _ in "?" }.joined(separator: ", "))) ON CONFLICT (id) DO NOTHING
    """
}
