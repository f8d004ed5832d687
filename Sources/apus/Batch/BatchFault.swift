/// What is wrong with one line of a batch, for whoever wrote it. The other lines run.
struct BatchFault: Error, Hashable {
  /// Nil where the line's own name cannot be read.
  var customID: String?
  /// Where in the line, such as `body.top_p`; nil for the line as a whole.
  var field: String?
  var reason: String
  /// Empty where the reason says it already.
  var advice: String

  init(_ reason: String, advice: String, field: String? = nil, customID: String? = nil) {
    self.customID = customID
    self.field = field
    self.reason = reason
    self.advice = advice
  }

  /// `line 7, body.top_p: it is 0.5, which a job cannot carry; leave it out`.
  func message(line: Int) -> String {
    "line \(line)\(field.map { ", \($0)" } ?? ""): " + [reason, advice].filter { !$0.isEmpty }.joined(separator: "; ")
  }
}
