import Acceleration
import Glibc
import Serving

/// Finds measurements that the others contradict beyond any honest difference, and the workers that send them.
///
/// Each measurement is compared with the roofline of its own configuration, which takes out what model, machine and
/// workload explain; what is left differs by a factor of a few between honest machines. The measure is the median over
/// workers of their medians, so that a minority cannot move it however much it sends. Medians and not means: one
/// absurd row changes neither (Huber, Robust Statistics, 1981). Jobs whose prompt lay in a restored slot are not judged.
struct Outvoting {
  /// A measurement this many times off the measure, either way, is absurd. Engines miss the roofline by a factor of ten
  /// at times; swapping machines by more.
  static let absurd = log(100.0)
  /// A worker with more absurd measurements than this share is not believed at all: whoever is a thousand times off now
  /// and then is wrong in smaller ways too.
  static let mostAbsurdShare = 0.1
  /// Repeats of a configuration in its context before another one can be absurd beside them.
  static let leastRepeats = 3
  /// Measurements of a worker before it is judged.
  static let leastMeasurements = 5

  /// Measurements that nobody should learn from, by their places.
  private(set) var isOut: [Bool]
  /// Workers of whom nothing is believed, in order of their names.
  let distrusted: [WorkerName]

  var count: Int { isOut.count { $0 } }

  /// The others, in their order.
  func believed(_ measurements: [Measurement]) -> [Measurement] {
    count == 0 ? measurements : measurements.indices.filter { !isOut[$0] }.map { measurements[$0] }
  }

  init(_ measurements: [Measurement], models: [ModelProfile]) {
    isOut = [Bool](repeating: false, count: measurements.count)
    let residuals = Self.residuals(measurements, models)
    var byWorker: [WorkerName: [Int]] = [:]
    for place in measurements.indices where residuals[place] != nil {
      byWorker[measurements[place].worker, default: []].append(place)
    }
    let medians = byWorker.mapValues { places in Self.median(places.map { residuals[$0]! }) }
    guard !medians.isEmpty else {
      distrusted = []
      return
    }
    let measure = Self.median(Array(medians.values))
    var distrusted: [WorkerName] = []
    for (worker, places) in byWorker {
      let absurd = places.filter { abs(residuals[$0]! - measure) > Self.absurd }
      for place in absurd { isOut[place] = true }
      if byWorker.count > 2, places.count >= Self.leastMeasurements,
        Double(absurd.count) > Self.mostAbsurdShare * Double(places.count)
      {
        distrusted.append(worker)
      }
    }
    self.distrusted = distrusted.sorted { $0.rawValue < $1.rawValue }
    let out = Set(distrusted)
    for place in measurements.indices where out.contains(measurements[place].worker) { isOut[place] = true }
  }

  /// Logarithm of the measured E2E over the roofline's; nil for what did not complete, has impossible figures or is not
  /// judged.
  private static func residuals(_ measurements: [Measurement], _ models: [ModelProfile]) -> [Double?] {
    struct Key: Hashable {
      var context: UInt64
      var configuration: ConfigurationKey
    }
    var rooflines: [Key: Double] = [:]
    return measurements.map { measurement in
      guard !measurement.hasRestoredPrefix, let metrics = measurement.outcome.metrics,
        let costs = MeasuredCosts.read(metrics)
      else { return nil }
      let key = Key(
        context: TrainingSet.contextHash(measurement), configuration: ConfigurationKey(measurement.configuration))
      if let known = rooflines[key] { return costs[.e2e] - known }
      let roofline = CostModel(
        model: measurement.model, available: models + [measurement.model], hardware: measurement.hardware,
        workload: measurement.workload
      ).estimate(measurement.configuration).logCost(.e2e)
      rooflines[key] = roofline
      return costs[.e2e] - roofline
    }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
  }
}
