public import Learning
public import Serving

/// Configurations as algorithms of a table: a column for the engine and one for each knob. A knob that is not set is
/// missing; texts are numbered in alphabetical order.
public enum KnobColumns {
  public static func matrix(_ configurations: [EngineConfiguration]) -> FeatureMatrix {
    let knobs = Set(configurations.flatMap(\.knobs.keys)).sorted { $0.rawValue < $1.rawValue }
    let engines = Set(configurations.map(\.engine.rawValue)).sorted()
    let texts = Set(configurations.flatMap { $0.knobs.values.compactMap(\.textValue) }).sorted()
    func number(_ text: String, in all: [String]) -> Float { Float(all.firstIndex(of: text)!) }
    var values: [Float] = []
    for configuration in configurations {
      values.append(number(configuration.engine.rawValue, in: engines))
      for knob in knobs {
        switch configuration.knobs[knob] {
        case .int(let value): values.append(Float(value))
        case .double(let value): values.append(Float(value))
        case .bool(let isOn): values.append(isOn ? 1 : 0)
        case .text(let text): values.append(number(text, in: texts))
        case nil: values.append(.nan)
        }
      }
    }
    return FeatureMatrix(
      columns: ["engine"] + knobs.map(\.rawValue), values: values, rowCount: configurations.count)
  }
}
