public import Messaging
public import Serving

/// Takes a model's file piece by piece and puts it among the worker's models once its hash is right.
///
/// Pieces are written to `<id>.part`, whose length is the offset to go on from, so a push continues where it was
/// interrupted. The file gets its name only when it is whole and its SHA-256 is the model's id. Writing happens on
/// threads of its own.
public actor ModelReceiver {
  private let directory: String
  private let hasModel: @Sendable (ModelID) async -> Bool
  private let reservedBytes: Int

  /// - Parameters:
  ///   - directory: where the models are; made when it is not there.
  ///   - reservedBytes: what must stay free on the disk.
  ///   - hasModel: whether a model's file is here already.
  public init(
    directory: String, reservedBytes: Int = 1 << 30, hasModel: @escaping @Sendable (ModelID) async -> Bool
  ) {
    self.directory = directory
    self.reservedBytes = reservedBytes
    self.hasModel = hasModel
  }

  /// Takes one piece. The answer says where to go on; a piece from any other place is not written.
  public func receive(_ chunk: ModelChunk) async -> ModelOffset {
    if let refusal = IncomingModel.refusal(of: chunk) {
      return ModelOffset(model: chunk.model, offset: 0, isComplete: false, refusal: refusal)
    }
    if await hasModel(chunk.model) {
      return ModelOffset(model: chunk.model, offset: chunk.totalBytes, isComplete: true)
    }
    let (directory, reservedBytes) = (directory, reservedBytes)
    return await OwnThreads.result {
      let incoming = IncomingModel(directory: directory, chunk: chunk, reservedBytes: reservedBytes)
      do throws(ApusError) {
        try incoming.makeDirectory()
        let offset = try incoming.append()
        guard offset == chunk.totalBytes else {
          return ModelOffset(model: chunk.model, offset: offset, isComplete: false)
        }
        try incoming.finish()
        return ModelOffset(model: chunk.model, offset: offset, isComplete: true)
      } catch {
        return ModelOffset(model: chunk.model, offset: incoming.offset, isComplete: false, refusal: error.reason)
      }
    }
  }
}
