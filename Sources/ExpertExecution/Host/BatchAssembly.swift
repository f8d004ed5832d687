import Messaging
import Serving

/// A batch whose parts are arriving. Nothing of a part is used before all its sizes are known to fit.
struct BatchAssembly {
  let startedAt: ContinuousClock.Instant
  private(set) var work: ExpertWork
  private let rowCount: Int
  private let expertCount: Int
  private var receivedRows = 0

  /// - Throws: `badInput` for a layer, a cut or a number of rows that the model or the host does not have.
  init(
    _ header: ExpertBatchHeader, model: MoEModelFile, rowLimit: Int, at now: ContinuousClock.Instant
  ) throws(ApusError) {
    guard model.blocks.indices.contains(header.layer) else {
      throw ApusError(.badInput, "the model has no layer \(header.layer), only \(model.layerCount)")
    }
    guard header.cut.upperBound <= model.intermediateSize else {
      throw ApusError(.badInput, "experts have \(model.intermediateSize) inner elements, not \(header.cut.upperBound)")
    }
    guard (1...rowLimit).contains(header.rowCount) else {
      throw ApusError(.badInput, "a batch of \(header.rowCount) rows", advice: "send 1 to \(rowLimit)")
    }
    startedAt = now
    rowCount = header.rowCount
    expertCount = model.expertCount
    work = ExpertWork(
      layer: header.layer, cut: header.cut, hiddenSize: model.hiddenSize, rows: [], pairRows: [], pairExperts: [],
      pairGates: [])
    work.rows.reserveCapacity(rowCount * model.hiddenSize)
  }

  /// Bytes of all its rows.
  var byteCount: Int { rowCount * work.hiddenSize * 2 }
  var isComplete: Bool { receivedRows == rowCount }

  /// Bytes of the four frames that follow this header.
  ///
  /// - Throws: `badInput` for a part that is not the next one, or with more pairs than its rows can have.
  func frameSizes(_ header: ExpertBatchHeader) throws(ApusError) -> [Int] {
    guard header.rowCount == rowCount, header.layer == work.layer, header.cut == work.cut else {
      throw ApusError(.badInput, "the parts of batch \(header.id) are not of the same batch")
    }
    guard header.rows.lowerBound == receivedRows, !header.rows.isEmpty else {
      throw ApusError(
        .badInput, "rows \(header.rows.lowerBound) and on of batch \(header.id) came where \(receivedRows) is next")
    }
    guard header.pairCount <= header.rows.count * expertCount else {
      throw ApusError(.badInput, "\(header.pairCount) pairs for \(header.rows.count) rows of \(expertCount) experts")
    }
    let pairs = header.pairCount
    return [header.rows.count * work.hiddenSize * 2, pairs * 4, pairs * 2, pairs * 4]
  }

  /// Takes a frame whose size was compared with `frameSizes`.
  ///
  /// - Throws: `badInput` for pairs of rows or experts that are not there, and weights that are no numbers.
  mutating func take(_ bytes: UnsafeRawBufferPointer, frame: Int, of header: ExpertBatchHeader) throws(ApusError) {
    switch frame {
    case 0: Self.append(bytes, to: &work.rows)
    case 1:
      let start = work.pairRows.count
      Self.append(bytes, to: &work.pairRows)
      for index in start..<work.pairRows.count {
        guard header.rows.indices.contains(Int(work.pairRows[index]) + header.rows.lowerBound) else {
          throw ApusError(.badInput, "a pair of row \(work.pairRows[index]) in a part of \(header.rows.count) rows")
        }
        work.pairRows[index] += Int32(receivedRows)
      }
    case 2:
      let start = work.pairExperts.count
      Self.append(bytes, to: &work.pairExperts)
      if let unknown = work.pairExperts[start...].first(where: { Int($0) >= expertCount }) {
        throw ApusError(.badInput, "a pair of expert \(unknown), of \(expertCount)")
      }
    default:
      let start = work.pairGates.count
      Self.append(bytes, to: &work.pairGates)
      guard work.pairGates[start...].allSatisfy(\.isFinite) else {
        throw ApusError(.badInput, "a pair's weight is no number")
      }
      receivedRows += header.rows.count
    }
  }

  private static func append<Number: BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer, to list: inout [Number]) {
    // A frame lies at any address, so it is copied as bytes.
    list += [Number](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Number>.stride) { target, count in
      count = bytes.count / MemoryLayout<Number>.stride
      UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
    }
  }
}
