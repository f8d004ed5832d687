import Serving

/// Jobs that pass servers one after the other, each server serving in the order of arrival: a discrete-event simulation.
///
/// A gate opens when all jobs that lead to it have ended; jobs may wait for a gate. Events are taken in the order of time, so
/// that whoever comes to a server first is served first.
struct FIFONetwork {
  /// Work that is not ours and that a server has to do, too: Poisson arrivals of equal jobs.
  struct Background {
    /// Share of the server's time, from 0 to below 1.
    var utilization: Double
    var jobSeconds: Double
  }

  /// A visit to a server.
  struct Stage {
    var server: Int
    var seconds: Double
    /// Seconds between the end of the visit and the arrival at the next: a wire.
    var delaySeconds = 0.0
  }

  private struct Server {
    var freeAt = -Double.infinity
    var background: Background?
    var nextArrival = Double.infinity
  }

  private struct Job {
    var stages: [Stage]
    var leadsTo: Int
  }

  private struct Gate {
    var waitingFor = 0
    var jobs: [Int] = []
    var openedAt: Double?
  }

  private var servers: [Server]
  private var jobs: [Job] = []
  private var gates: [Gate] = []
  private var queue = EventQueue()
  private var generator: SeededGenerator

  init(serverCount: Int, seed: UInt64) {
    servers = [Server](repeating: Server(), count: serverCount)
    generator = SeededGenerator(seed: seed)
  }

  /// The work begins before time 0, so that the server is as busy then as it is later.
  mutating func add(_ background: Background, to server: Int) {
    precondition((0..<1).contains(background.utilization), "a server has time left")
    guard background.utilization > 0, background.jobSeconds > 0 else { return }
    servers[server].background = background
    servers[server].nextArrival = -20 * background.jobSeconds / background.utilization
  }

  mutating func addGate() -> Int {
    gates.append(Gate())
    return gates.count - 1
  }

  /// - Parameters:
  ///   - gate: what it waits for; nil begins at time 0.
  ///   - next: the gate that it leads to.
  mutating func add(_ stages: [Stage], after gate: Int? = nil, leadingTo next: Int) {
    jobs.append(Job(stages: stages, leadsTo: next))
    gates[next].waitingFor += 1
    if let gate { gates[gate].jobs.append(jobs.count - 1) } else { queue.push(0, jobs.count - 1, 0) }
  }

  /// Runs until nothing is left to do.
  ///
  /// - Returns: when a gate opened.
  mutating func run(until gate: Int) -> Double {
    while let event = queue.pop() {
      let job = jobs[event.job]
      guard event.stage < job.stages.count else {
        end(job, at: event.time)
        continue
      }
      let stage = job.stages[event.stage]
      admitBackground(to: stage.server, until: event.time)
      let end = max(event.time, servers[stage.server].freeAt) + stage.seconds
      servers[stage.server].freeAt = end
      queue.push(end + stage.delaySeconds, event.job, event.stage + 1)
    }
    guard let opened = gates[gate].openedAt else { preconditionFailure("no job leads to this gate") }
    return opened
  }

  private mutating func end(_ job: Job, at time: Double) {
    gates[job.leadsTo].waitingFor -= 1
    guard gates[job.leadsTo].waitingFor == 0 else { return }
    gates[job.leadsTo].openedAt = time
    for next in gates[job.leadsTo].jobs { queue.push(time, next, 0) }
  }

  private mutating func admitBackground(to server: Int, until time: Double) {
    guard let background = servers[server].background else { return }
    while servers[server].nextArrival <= time {
      let arrival = servers[server].nextArrival
      servers[server].freeAt = max(servers[server].freeAt, arrival) + background.jobSeconds
      servers[server].nextArrival =
        arrival + generator.exponential(mean: background.jobSeconds / background.utilization)
    }
  }
}

/// Events by time, those of the same time in the order they were put in: a binary heap.
private struct EventQueue {
  struct Event {
    var time: Double
    var number: Int
    var job: Int
    var stage: Int

    func isBefore(_ other: Event) -> Bool { time != other.time ? time < other.time : number < other.number }
  }

  private var heap: [Event] = []
  private var count = 0

  mutating func push(_ time: Double, _ job: Int, _ stage: Int) {
    heap.append(Event(time: time, number: count, job: job, stage: stage))
    count += 1
    var place = heap.count - 1
    while place > 0, heap[place].isBefore(heap[(place - 1) / 2]) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func pop() -> Event? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].isBefore(heap[least]) {
        least = child
      }
      guard least != place else { return first }
      heap.swapAt(place, least)
      place = least
    }
  }
}
