import GRDB

extension StatementArguments {
  /// The values of a row. As optional values of any kind: those of one kind the library reads through a key path each,
  /// which takes longer than to bind them.
  init(columns values: [DatabaseValue]) { self.init(values.lazy.map { $0 as (any DatabaseValueConvertible)? }) }
}
