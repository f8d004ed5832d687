extension KeyedDecodingContainer {
  /// A number that may be left out. Of one that does not fit its type, such as 1.5 for a count, Foundation's decoder says
  /// that the whole text is no JSON; this says which field it is.
  func number<Number: Decodable>(_ type: Number.Type, forKey key: Key) throws -> Number? {
    do {
      return try decodeIfPresent(type, forKey: key)
    } catch let error as DecodingError {
      throw error
    } catch {
      throw DecodingError.typeMismatch(
        type, DecodingError.Context(codingPath: codingPath + [key], debugDescription: "\(error)"))
    }
  }
}
