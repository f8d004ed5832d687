public import Serving

// Names in tests are written as plain strings.
extension Identifier {
  public init(stringLiteral text: String) { self.init(rawValue: text) }
}
extension WorkerName: ExpressibleByStringLiteral {}
extension JobID: ExpressibleByStringLiteral {}
extension TrialID: ExpressibleByStringLiteral {}
extension BenchmarkID: ExpressibleByStringLiteral {}
extension LeaseID: ExpressibleByStringLiteral {}
extension MeasurementID: ExpressibleByStringLiteral {}
extension ModelID: ExpressibleByStringLiteral {}
extension MethodName: ExpressibleByStringLiteral {}
