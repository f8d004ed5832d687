import Foundation

/// Neural collaborative filtering (He and others, WWW 2017): hidden numbers of the instance and of the algorithm, joined
/// by a product and by a small network, say the log cost of a pair. An instance's hidden numbers come from its features,
/// so that a new one has some, too.
struct NeuralFactorization: TableSelector {
  let name = "neural-factorization"
  let summary = "hidden numbers of instance and algorithm, joined by a product and a small network (NCF)"

  /// Passes over the pairs; fewer for large tables, whose every pass teaches more.
  private static let (fewestPasses, mostPasses, pairVisits) = (20, 300, 400_000)
  private static let batchInstances = 8

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let ranks = RankedFeatures(table.instances)
    // Ranks lie between 0 and 1; centred, so that the first layer begins where it bends.
    let places = ranks.places(table.instances).map { $0.map { 2 * Double($0) - 1 } }
    let cells = table.losses.indices.filter { !table.losses[$0].isNaN }
    let targets = Self.scaled(table.relativeLogCosts(cells))
    // Both ascend: the pairs of an instance are next to one another.
    let byInstance = Dictionary(grouping: cells.indices) { cells[$0] / table.algorithmCount }
    var network = FactorNetwork(
      featureCount: table.instances.columnCount, algorithmCount: table.algorithmCount, seed: context.seed)
    var random = RandomSource(seed: context.seed, stream: 0x2CF)
    let passes = min(Self.mostPasses, max(Self.fewestPasses, Self.pairVisits / max(1, cells.count)))
    for _ in 0..<passes {
      let order = byInstance.keys.sorted().shuffled(using: &random)
      for start in stride(from: 0, to: order.count, by: Self.batchInstances) {
        for instance in order[start..<min(order.count, start + Self.batchInstances)] {
          for index in byInstance[instance]! {
            network.accumulate(places[instance], cells[index] % table.algorithmCount, target: targets[index])
          }
        }
        network.step()
      }
    }
    return Model(ranks: ranks, network: network)
  }

  private static func scaled(_ values: [Double]) -> [Double] {
    let scale = (values.reduce(0) { $0 + $1 * $1 } / Double(max(1, values.count))).squareRoot()
    return scale > 0 ? values.map { $0 / scale } : values
  }

  private struct Model: TableModel {
    let ranks: RankedFeatures
    let network: FactorNetwork

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let place = ranks.place(instance).map { 2 * Double($0) - 1 }
      return candidates.map { network.output(place, $0) }
    }
  }
}

/// The network and its training by Adam (Kingma and Ba, 2015).
///
/// `h = tanh(W x + b)`; `e` is the algorithm's own row; output `p . (h * e) + v . relu(A h + B e + d) + c`, where `c` is
/// the algorithm's own number.
private struct FactorNetwork: Sendable {
  private static let width = 12
  private static let (rate, decay) = (0.01, 1e-4)
  private static let (meanShare, squareShare) = (0.9, 0.999)

  private let featureCount: Int
  /// Where each part begins in the list of all weights.
  private let b, e, p, first, second, d, v, c: Int
  private var weights: [Double]
  private var gradient: [Double]
  private var means: [Double]
  private var squares: [Double]
  private var pairCount = 0
  private var stepCount = 0.0

  init(featureCount: Int, algorithmCount: Int, seed: UInt64) {
    let width = Self.width
    self.featureCount = featureCount
    b = width * featureCount
    e = b + width
    p = e + width * algorithmCount
    first = p + width
    second = first + width * width
    d = second + width * width
    v = d + width
    c = v + width
    let count = c + algorithmCount
    var random = RandomSource(seed: seed, stream: 0xFAC)
    let (start, end) = (b, c)
    weights = (0..<count).map { place in
      // Algorithms start alike but for noise; layers by their width (Glorot and Bengio, 2010).
      let scale = place < start ? 1 / Double(max(1, featureCount)).squareRoot() : 1 / Double(width).squareRoot()
      return place >= end ? 0 : scale * random.normal()
    }
    gradient = [Double](repeating: 0, count: count)
    means = gradient
    squares = gradient
  }

  private struct Layers {
    var hidden: [Double]
    /// Before and after the bend.
    var joined: [Double]
    var output: Double
  }

  func output(_ x: [Double], _ algorithm: Int) -> Double { layers(x, algorithm).output }

  private func layers(_ x: [Double], _ algorithm: Int) -> Layers {
    let width = Self.width
    let row = e + algorithm * width
    var hidden = [Double](repeating: 0, count: width)
    var joined = hidden
    for k in 0..<width {
      var sum = weights[b + k]
      for column in 0..<featureCount { sum += weights[k * featureCount + column] * x[column] }
      hidden[k] = tanh(sum)
    }
    var output = weights[c + algorithm]
    for k in 0..<width {
      var sum = weights[d + k]
      for j in 0..<width {
        sum += weights[first + k * width + j] * hidden[j] + weights[second + k * width + j] * weights[row + j]
      }
      joined[k] = max(0, sum)
      output += weights[p + k] * hidden[k] * weights[row + k] + weights[v + k] * joined[k]
    }
    return Layers(hidden: hidden, joined: joined, output: output)
  }

  /// Adds the gradient of half the squared error of one pair.
  mutating func accumulate(_ x: [Double], _ algorithm: Int, target: Double) {
    let width = Self.width
    let row = e + algorithm * width
    let layers = layers(x, algorithm)
    let error = layers.output - target
    var hidden = [Double](repeating: 0, count: width)
    gradient[c + algorithm] += error
    for k in 0..<width {
      gradient[p + k] += error * layers.hidden[k] * weights[row + k]
      gradient[row + k] += error * weights[p + k] * layers.hidden[k]
      hidden[k] += error * weights[p + k] * weights[row + k]
      gradient[v + k] += error * layers.joined[k]
      guard layers.joined[k] > 0 else { continue }
      let back = error * weights[v + k]
      gradient[d + k] += back
      for j in 0..<width {
        gradient[first + k * width + j] += back * layers.hidden[j]
        hidden[j] += back * weights[first + k * width + j]
        gradient[second + k * width + j] += back * weights[row + j]
        gradient[row + j] += back * weights[second + k * width + j]
      }
    }
    for k in 0..<width {
      let back = hidden[k] * (1 - layers.hidden[k] * layers.hidden[k])
      gradient[b + k] += back
      for column in 0..<featureCount { gradient[k * featureCount + column] += back * x[column] }
    }
    pairCount += 1
  }

  /// Moves against what was accumulated since the last step.
  mutating func step() {
    guard pairCount > 0 else { return }
    stepCount += 1
    let (meanLeft, squareLeft) = (1 - pow(Self.meanShare, stepCount), 1 - pow(Self.squareShare, stepCount))
    for place in weights.indices {
      let slope = gradient[place] / Double(pairCount) + Self.decay * weights[place]
      means[place] = Self.meanShare * means[place] + (1 - Self.meanShare) * slope
      squares[place] = Self.squareShare * squares[place] + (1 - Self.squareShare) * slope * slope
      weights[place] -= Self.rate * (means[place] / meanLeft) / ((squares[place] / squareLeft).squareRoot() + 1e-8)
      gradient[place] = 0
    }
    pairCount = 0
  }
}
