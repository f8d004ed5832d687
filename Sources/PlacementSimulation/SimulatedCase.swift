import ExpertPlacement
import PlacementSelection
import Serving

/// One generated cluster with one layer to place: what the planner is told, and what really happens.
struct SimulatedCase {
  let hardware: String
  let task: String
  /// Planned on the first half of the tokens.
  let problem: PlacementProblem
  private let simulation: LayerSimulation
  private let model: PlacementCostModel
  private let future: RoutingTrace
  private let seed: UInt64

  /// Batches whose mean is the truth.
  private static let truthBatches = 24

  /// - Parameters:
  ///   - trace: one layer of the task's tokens.
  ///   - sigma: of the hidden parameters.
  init(hardware: GeneratedCluster, task: String, trace: RoutingTrace, sigma: Double, seed: UInt64) throws(ApusError) {
    var generator = SeededGenerator(seed: seed)
    let half = trace.tokenCount / 2
    // Experts of fine-grained to middle-sized models, in f16.
    let hiddenSize = [1024, 2048, 4096].randomElement(using: &generator)!
    let intermediateSize = [512, 1408, 2048].randomElement(using: &generator)!
    let geometry = ExpertGeometry(
      hiddenSize: hiddenSize, intermediateSize: intermediateSize,
      expertBytes: 6 * Double(hiddenSize) * Double(intermediateSize))
    let batch = [4, 16, 64, 128, 512, 1024].randomElement(using: &generator)!
    let cluster = hardware.cluster(expertCount: trace.expertCount, seed: generator.next())
    problem = try PlacementProblem(
      trace: trace.selecting(tokens: 0..<half), cluster: cluster, geometry: geometry, batchTokens: batch)
    future = trace.selecting(tokens: half..<trace.tokenCount)
    simulation = LayerSimulation(
      hidden: HiddenCluster(cluster, sigma: sigma, seed: generator.next()), geometry: geometry)
    guard let model = PlacementCostModel(cluster: cluster, geometry: geometry) else {
      preconditionFailure("generated hosts have speeds")
    }
    self.model = model
    self.hardware = hardware.rawValue
    self.task = task
    self.seed = generator.next()
  }

  /// Mean seconds of a layer over batches that nobody plans or races on: the last quarter of the tokens.
  func truth(of plan: PlacementPlan) -> Double {
    let quarter = future.tokenCount / 2
    let sum = (0..<Self.truthBatches).reduce(0.0) { sum, batch in
      sum + seconds(of: plan, tokens: quarter..<future.tokenCount, draw: UInt64(batch), salt: 0)
    }
    return sum / Double(Self.truthBatches)
  }

  /// Seconds of one measured batch, the same batch for all plans of a round: the third quarter of the tokens.
  func measured(_ plan: PlacementPlan, number: Int, round: Int) -> Double {
    seconds(
      of: plan, tokens: 0..<future.tokenCount / 2, draw: 1_000_000 + UInt64(round), salt: UInt64(number) &* 7919 &+ 1)
  }

  private func seconds(of plan: PlacementPlan, tokens: Range<Int>, draw: UInt64, salt: UInt64) -> Double {
    var generator = SeededGenerator(seed: seed &+ draw &* 0x9E37)
    let size = problem.batchTokens
    let start = Int.random(in: tokens.lowerBound...tokens.upperBound - size, using: &generator)
    let works = model.works(
      plan.layers[0], number: 0, dispatch: plan.dispatch, trace: future, tokens: start..<start + size)
    return simulation.seconds(of: works, seed: generator.next() &+ salt)
  }
}
