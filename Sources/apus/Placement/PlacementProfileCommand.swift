import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

extension PlacementCommand {
  /// `apus placement profile`: what is known of the experts for each task, and whether one plan serves them all.
  struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "profile",
      abstract: "Keep a profile of the experts for each task, and compare plans over the tasks.",
      discussion: """
        Observations of a task fade as newer ones come. For each task a plan is made from its profile, and it is said how \
        balanced that plan is for every task: where a plan for one task is much worse for another, each wants a plan of its own.
        """)

    @Argument(
      help: "TASK=RECORDING, in the order observed; a task may come again. Recordings as of `placement import`.")
    var observations: [String]
    @Option(help: "What an observation of a task keeps of all before it, from 0 to 1.") var decay = 0.9
    @Option(help: "\(PlacementStrategies.all.map(\.name).joined(separator: ", ")).") var strategy = "lpt"
    @Option(help: "Hosts, all alike.") var hosts = 8
    @Option(help: "Write the profile of each task as TASK.csv to this directory, for --load.") var output: String?
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
      guard (0...1).contains(decay) else { throw ValidationError("--decay \(decay) is not from 0 to 1") }
      guard (1...PlacementCluster.hostLimit).contains(hosts) else {
        throw ValidationError("--hosts \(hosts) is not from 1 to \(PlacementCluster.hostLimit)")
      }
    }

    private struct Row {
      var task: String
      /// Of the first layer, faded.
      var tokens: Double
      /// Of the task's plan, for each task in the rows' order.
      var balancedness: [Double]
    }

    func run() throws {
      var profiles = TaskProfiles(decay: decay)
      for text in observations {
        let (task, path) = try Self.observation(text)
        try profiles.observe(try ExpertLoadFile.recording(path: path), task: task)
      }
      let loads = profiles.profiles.mapValues(\.load).sorted { $0.key < $1.key }
      let strategy = try PlacementStrategies.named(strategy)
      var rows: [Row] = []
      for (task, load) in loads {
        let problem = try PlacementProblem(load: load, cluster: try cluster(load))
        let plan = try PlannedPlacement(strategy, problem).plan
        let others = try loads.map { other throws(ApusError) in
          try same(load, other.value, task, other.key)
          return Balancedness(plan, load: other.value, cluster: problem.cluster).mean
        }
        rows.append(Row(task: task, tokens: load.layer(0).reduce(0, +), balancedness: others))
      }
      if let output { for (task, load) in loads { try Self.write(load, task, to: output) } }
      Console.print(json ? Self.json(rows).text : Self.text(rows))
    }

    private static func observation(_ text: String) throws(ApusError) -> (task: String, path: String) {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, parts[0].wholeMatch(of: #/[A-Za-z0-9._-]{1,64}/#) != nil else {
        throw ApusError(
          .usage, "\(text) is not TASK=RECORDING", advice: "name the task with letters, digits, dots and dashes")
      }
      return (parts[0], parts[1])
    }

    private func cluster(_ load: ExpertLoad) throws(ApusError) -> PlacementCluster {
      try PlacementCluster.equal(hostCount: hosts, slotCount: (load.expertCount + hosts - 1) / hosts * hosts)
    }

    private func same(_ one: ExpertLoad, _ other: ExpertLoad, _ task: String, _ name: String) throws(ApusError) {
      guard one.layerCount == other.layerCount, one.expertCount == other.expertCount else {
        throw ApusError(
          .badInput,
          "\(task) has \(one.layerCount) layers x \(one.expertCount) experts, \(name) \(other.layerCount) x \(other.expertCount)",
          advice: "profile one model at a time")
      }
    }

    private static func write(_ load: ExpertLoad, _ task: String, to directory: String) throws(ApusError) {
      let lines = (0..<load.layerCount).map { load.layer($0).map { "\($0)" }.joined(separator: ",") + "\n" }
      do {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      } catch {
        throw ApusError(.disk, "cannot make \(directory): \((error as NSError).localizedDescription)")
      }
      let file = try OutputFile("\(directory)/\(task).csv")
      try file.write(lines.joined())
      try file.commit()
    }

    private static func json(_ rows: [Row]) -> JSONValue {
      .object([
        (
          "tasks",
          .array(
            rows.map { row in
              .object([
                ("task", .string(row.task)), ("tokens", .double(row.tokens)),
                (
                  "balancedness_mean",
                  .object(zip(rows, row.balancedness).map { other, value in (other.task, .double(value)) })
                ),
              ])
            })
        )
      ])
    }

    private static func text(_ rows: [Row]) -> String {
      var table = TextTable(["PLANNED FOR", ">TOKENS"] + rows.map { ">\($0.task)" })
      for row in rows {
        table.add([row.task, String(format: "%.0f", row.tokens)] + row.balancedness.map { String(format: "%.3f", $0) })
      }
      return table.text()
    }
  }
}
