/// The tokens prompts are made of, as one model's tokenizer gave them.
public struct TokenSource: Hashable, Sendable {
  /// What the tokenizer puts before every text, such as a begin-of-sequence token. Starts every prompt.
  public let leading: [Int32]
  /// Ordinary tokens, each once, in the order they were given.
  public let vocabulary: [Int32]
  /// A document that the model is known to go on with once it has begun it; nil when none is known. A model file says
  /// so with its key `apus.edit_document_tokens`.
  public let editDocument: [Int32]?

  /// - Precondition: at least 16 different tokens besides the leading ones, or prompts could not differ.
  public init(leading: [Int32], vocabulary: [Int32], editDocument: [Int32]? = nil) {
    var seen = Set(leading)
    let ordinary = vocabulary.filter { seen.insert($0).inserted }
    precondition(ordinary.count >= 16, "a vocabulary slice of \(ordinary.count) tokens is too small to make prompts of")
    self.leading = leading
    self.vocabulary = ordinary
    self.editDocument = editDocument.flatMap { $0.count >= 8 ? $0 : nil }
  }

  /// Takes the leading tokens from what a tokenizer makes of one text with and without its special tokens.
  ///
  /// Nil when the engine's tokenizer gave too little to make prompts of.
  public init?(withSpecial: [Int32], withoutSpecial: [Int32], editDocument: [Int32]? = nil) {
    guard Set(withoutSpecial).count >= 32 else { return nil }
    let added = max(0, withSpecial.count - withoutSpecial.count)
    // Some tokenizers add a token at the end instead; that one does not lead a prompt.
    let leads = withSpecial.dropFirst(added).elementsEqual(withoutSpecial)
    self.init(
      leading: leads ? Array(withSpecial.prefix(added)) : [], vocabulary: withoutSpecial, editDocument: editDocument)
  }
}
