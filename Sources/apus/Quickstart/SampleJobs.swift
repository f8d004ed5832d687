import Foundation
import Messaging
import Serving

/// Jobs of different shapes, to show where and how each is routed.
struct SampleJobs {
  struct Sample: Sendable {
    var shape: String
    var model: ModelProfile
    var spec: JobSpec
    /// Samples with one number are submitted together.
    var wave: Int
  }

  struct Routed: Sendable {
    var sample: Sample
    var record: JobRecord
    var figures: JobFigures?
  }

  static func make(for models: [ModelProfile]) -> [Sample] {
    var samples: [Sample] = []
    for (index, model) in models.enumerated() {
      func add(_ shape: String, promptTokens: Int, maxTokens: Int, wave: Int, seed: UInt64) {
        samples.append(
          Sample(
            shape: shape, model: model,
            spec: JobSpec(
              model: model.id, prompt: .text(text(tokens: promptTokens, seed: seed)), maxTokens: maxTokens,
              ignoresEndOfSequence: true), wave: index * 4 + wave))
      }
      // The first two are of shapes that were benchmarked, the third is of one that was not.
      add("short chat", promptTokens: 32, maxTokens: 32, wave: 0, seed: 1)
      add("long prompt", promptTokens: 750, maxTokens: 8, wave: 1, seed: 2)
      add("long answer", promptTokens: 16, maxTokens: 160, wave: 2, seed: 3)
      for stream in 0..<4 {
        add("4 at once", promptTokens: 32, maxTokens: 32, wave: 3, seed: 10 + UInt64(stream))
      }
    }
    return samples
  }

  /// Common words in a seeded order: what the prompt says does not matter, how long it is does.
  ///
  /// - Parameter tokens: of four bytes each, as the router counts before a tokenizer has seen the text.
  private static func text(tokens: Int, seed: UInt64) -> String {
    let words = [
      "the", "model", "reads", "a", "long", "report", "about", "water", "and", "light", "then", "writes", "what",
      "it", "found", "in", "few", "words", "for", "people", "who", "asked", "with", "care", "because", "time",
    ]
    var generator = SeededGenerator(seed: seed)
    var text = words.randomElement(using: &generator)!
    while text.utf8.count < 4 * tokens { text += " " + words.randomElement(using: &generator)! }
    return String(text.prefix(4 * tokens))
  }

  /// Submits wave by wave and waits for each job's end.
  static func run(_ samples: [Sample], _ client: CoordinatorClient) async throws -> [Routed] {
    var routed: [Routed] = []
    let waves = Dictionary(grouping: samples, by: \.wave).sorted { $0.key < $1.key }
    for (_, wave) in waves {
      routed += try await withThrowingTaskGroup(of: (Int, Routed).self) { group in
        for (index, sample) in wave.enumerated() {
          group.addTask { (index, try await follow(sample, client)) }
        }
        var finished: [(Int, Routed)] = []
        for try await one in group { finished.append(one) }
        return finished.sorted { $0.0 < $1.0 }.map(\.1)
      }
    }
    return routed
  }

  private static func follow(_ sample: Sample, _ client: CoordinatorClient) async throws -> Routed {
    var accepted: JobRecord?
    for try await answer in await client.answers(to: .submit(sample.spec)) {
      if case .accepted(let record) = answer { accepted = record }
      if case .jobEnded(let end) = answer {
        return Routed(sample: sample, record: try end.record(from: accepted), figures: end.figures)
      }
    }
    throw ApusError(.unavailable, "the coordinator stopped answering before a sample job ended")
  }

  static func table(_ routed: [Routed], models: [ModelID: String]) -> String {
    var table = TextTable([
      "SHAPE", "MODEL", "ROUTED TO", "STRATEGY", ">TTFT PREDICTED", ">MEASURED", ">E2E PREDICTED", ">MEASURED",
      "STATE",
    ])
    for job in routed {
      table.add([
        job.sample.shape, job.sample.model.name, job.record.worker?.rawValue ?? "-",
        job.record.configuration?.label(modelNames: models) ?? "-", Figures.milliseconds(job.record.predicted?.ttftMS),
        Figures.milliseconds(job.figures?.ttftMS), Figures.milliseconds(job.record.predicted?.e2eMS),
        Figures.milliseconds(job.figures?.e2eMS), job.record.state.rawValue,
      ])
    }
    return table.text(indent: "  ")
  }
}
