public import Serving

/// What is known of the experts for each task: a placement that was planned for another task is about as bad as none.
public struct TaskProfiles: Hashable, Sendable {
  /// Tasks that are kept; the one that was seen least makes room.
  public static let taskLimit = 64

  /// One task's routing, old observations fading.
  public struct Profile: Hashable, Sendable {
    public internal(set) var load: ExpertLoad
    /// `[layer]`; nil where only counts were seen.
    public internal(set) var coActivation: [SparsePairs]?
    /// `[layer]`, from each layer to the next; nil where only counts were seen.
    public internal(set) var transitions: [SparsePairs]?

    /// Tokens of the first layer, faded.
    var weight: Double { load.layer(0).reduce(0, +) }
  }

  /// Partners of an expert that are kept.
  private static let pairLimit = 8

  /// What an observation keeps of all before it, 0 to 1.
  public let decay: Double
  public private(set) var profiles: [String: Profile] = [:]

  public init(decay: Double = 0.9) {
    precondition((0...1).contains(decay), "a decay is from 0 to 1")
    self.decay = decay
  }

  /// - Throws: `badInput` for a recording of another model than the task's.
  public mutating func observe(_ recording: RoutingRecording, task: String) throws(ApusError) {
    let next = Self.profile(recording)
    guard let known = profiles[task] else {
      if profiles.count >= Self.taskLimit,
        let least = profiles.min(by: { ($0.value.weight, $0.key) < ($1.value.weight, $1.key) })
      {
        profiles[least.key] = nil
      }
      profiles[task] = next
      return
    }
    guard known.load.layerCount == next.load.layerCount, known.load.expertCount == next.load.expertCount else {
      throw ApusError(
        .badInput,
        "the recording has \(next.load.layerCount) layers x \(next.load.expertCount) experts, the profile of \(task) "
          + "\(known.load.layerCount) x \(known.load.expertCount)", advice: "keep the profiles of models apart")
    }
    profiles[task] = Profile(
      load: known.load.fading(by: decay, adding: next.load),
      coActivation: merged(known.coActivation, next.coActivation),
      transitions: merged(known.transitions, next.transitions))
  }

  private func merged(_ old: [SparsePairs]?, _ next: [SparsePairs]?) -> [SparsePairs]? {
    guard let old, let next else { return next ?? old }
    return zip(old, next).map { $0.fading(by: decay, adding: $1) }
  }

  private static func profile(_ recording: RoutingRecording) -> Profile {
    guard case .trace(let trace) = recording else { return Profile(load: recording.load) }
    let layers = 0..<trace.layerCount
    return Profile(
      load: trace.load,
      coActivation: layers.map {
        SparsePairs(trace.coActivation(layer: $0), expertCount: trace.expertCount, limit: pairLimit)
      },
      transitions: layers.compactMap { layer in
        trace.transitions(after: layer).map {
          SparsePairs($0, expertCount: trace.expertCount, limit: pairLimit)
        }
      })
  }
}
