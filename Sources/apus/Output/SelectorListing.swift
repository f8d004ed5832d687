import Foundation
import Learning
import Selection

/// All selectors and the trained model, for `apus selector show`.
enum SelectorListing {
  private struct Line {
    var name: String
    /// Where it works: `serving`, `table` or `online`.
    var use: String
    var isDefault: Bool
    var summary: String
  }

  private static var lines: [Line] {
    SelectorCatalogue.all.enumerated().map {
      Line(name: $1.name, use: "serving", isDefault: $0 == 0, summary: $1.summary)
    }
      + TableSelectorCatalogue.all.map {
        let isDefault = $0.name == TableSelectorCatalogue.defaultSelector.name
        return Line(name: $0.name, use: "table", isDefault: isDefault, summary: $0.summary)
      }
      + BanditKind.all.map {
        let isDefault = $0.name == BanditKind.defaultBandit.name
        return Line(name: $0.name, use: "online", isDefault: isDefault, summary: $0.summary)
      }
  }

  /// What is in the file of the trained model.
  enum TrainedModel {
    case none
    case model(SelectorModel, path: String)
    /// One that cannot be used, and why.
    case refused(String, path: String)

    init(path: String) {
      guard FileManager.default.fileExists(atPath: path) else {
        self = .none
        return
      }
      do {
        self = .model(try SelectorModel(file: path), path: path)
      } catch {
        self = .refused("\(error)", path: path)
      }
    }
  }

  static func json(_ trained: TrainedModel) -> JSONValue {
    let (model, path, refusal): (SelectorModel?, String?, String?) =
      switch trained {
      case .none: (nil, nil, nil)
      case .model(let model, let path): (model, path, nil)
      case .refused(let reason, let path): (nil, path, reason)
      }
    return .object([
      (
        "selectors",
        .array(
          lines.map {
            .object([
              ("name", .string($0.name)), ("use", .string($0.use)), ("is_default", .bool($0.isDefault)),
              ("summary", .string($0.summary)),
            ])
          })
      ), ("model_path", JSONValue(path)), ("model_refused_reason", JSONValue(refusal)),
      ("row_count", JSONValue(model?.rowCount)), ("refused_row_count", JSONValue(model?.refusedCount)),
      ("context_count", JSONValue(model?.contextCount)), ("encoder_version", JSONValue(model?.encoderVersion)),
      ("trained_at_ms", JSONValue(model.map { Int($0.trainedAtMS) })),
      ("held_out_regret", JSONValue(model?.heldOutRegret)),
    ])
  }

  static func text(_ trained: TrainedModel) -> String {
    var table = TextTable(["USE", "SELECTOR", "WHAT IT DOES"])
    for line in lines {
      table.add([line.use, line.isDefault ? line.name + " (default)" : line.name, line.summary])
    }
    let state =
      switch trained {
      case .none: "no model is trained yet: benchmark something, then run `apus selector train`"
      case .model(let model, _): description(of: model)
      case .refused(let reason, _): "the trained model cannot be used: \(reason)"
      }
    return table.text() + "\n" + state
  }

  private static func description(of model: SelectorModel) -> String {
    let date = Date(timeIntervalSince1970: Double(model.trainedAtMS) / 1000).formatted(.iso8601)
    var parts = ["model: trained \(date) on \(model.rowCount) measurements in \(model.contextCount) contexts"]
    if model.refusedCount > 0 { parts.append("\(model.refusedCount) measurements refused") }
    if let regret = model.heldOutRegret {
      parts.append(String(format: "%.1f%% above the best in contexts it had not seen", (regret - 1) * 100))
    }
    return (parts + ["encoder version \(model.encoderVersion)"]).joined(separator: ", ")
  }
}
