import ExpertPlacement
import Messaging
import Serving

/// Which host has which experts, and how that changes while batches go on.
extension HubSession {
  func isPlaced(_ layer: Int) -> Bool { plans[layer] != nil }

  /// Has each host load what it needs for a layer's placement and has not. Batches go on as before.
  ///
  /// - Parameter ending: gets the bytes that were read.
  func prepare(_ layer: Int, _ placement: LayerPlacement, _ ending: @escaping Ending<Int>) {
    let change = Change(ending)
    for (index, line) in lines.enumerated() {
      let missing = keys(layer, placement, host: index).subtracting(line.loaded)
      guard let cut = missing.first?.cut else { continue }
      let id = nextID()
      let experts = missing.map(\.expert).sorted()
      guard line.isReady, line.send(.load(ExpertChange(id: id, layer: layer, experts: experts, cut: cut))) else {
        return change.end(
          .failure(
            ApusError(
              .unavailable, "host \(line.host.name) is to have experts of layer \(layer) and does not answer",
              advice: "plan without it, or start it again")))
      }
      change.missing += 1
      loads[id] = Load(line: line, keys: Array(missing), change: change)
    }
    if change.missing == 0 { change.end(.success(0)) }
  }

  /// From here on batches go by the new placement; those on their way end where they are. What the layer needs no more is
  /// dropped: hosts do so after the work that was sent to them before.
  func activate(_ layer: Int, _ placement: LayerPlacement, dispatch: ReplicaDispatch) {
    plans[layer] = (placement, dispatch)
    for (index, line) in lines.enumerated() where line.isReady {
      let needed = keys(layer, placement, host: index)
      let unneeded = line.loaded.filter { $0.layer == layer && !needed.contains($0) }
      for (cut, keys) in Dictionary(grouping: unneeded, by: \.cut) {
        line.loaded.subtract(keys)
        _ = line.send(
          .drop(ExpertChange(id: nextID(), layer: layer, experts: keys.map(\.expert).sorted(), cut: cut)))
      }
    }
  }

  private func keys(_ layer: Int, _ placement: LayerPlacement, host: Int) -> Set<ExpertKey> {
    switch placement {
    case .hosted(let experts):
      var keys: Set<ExpertKey> = []
      for (expert, shares) in experts.enumerated() where shares.contains(where: { $0.host == host }) {
        keys.insert(ExpertKey(layer: layer, expert: expert, cut: 0..<model.intermediateSize))
      }
      return keys
    case .sharded:
      let cut = ExpertCuts(placement, intermediateSize: model.intermediateSize).ranges[host]
      guard !cut.isEmpty else { return [] }
      return Set((0..<model.expertCount).map { ExpertKey(layer: layer, expert: $0, cut: cut) })
    }
  }

  func loaded(_ answer: ExpertLoaded, by line: HostLine) {
    line.loadedBytes = answer.loadedBytes
    // The answer to a drop, or to a load that was given up.
    guard let load = loads.removeValue(forKey: answer.id) else { return }
    load.line.loaded.formUnion(load.keys)
    load.change.missing -= 1
    load.change.movedBytes += answer.movedBytes
    if load.change.missing == 0 { load.change.end(.success(load.change.movedBytes)) }
  }

  func giveUpPreparing(_ layer: Int, after limit: Duration) {
    for (id, load) in loads where load.keys.first?.layer == layer {
      loads[id] = nil
      load.change.end(
        .failure(
          ApusError(
            .unavailable, "host \(load.line.host.name) did not load experts of layer \(layer) within \(limit)",
            advice: "give it more time, or move fewer layers at once")))
    }
  }
}
