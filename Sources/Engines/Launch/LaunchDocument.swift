public import Serving

/// How a launch is written down for somebody who runs it without Apus.
public enum LaunchFormat: String, CaseIterable, Sendable {
  /// One line for a POSIX shell.
  case command
  /// A service unit.
  case systemd
  /// A Deployment and a Service.
  case k8s
}

/// A launch with its names: what every format writes.
public struct LaunchDocument: Sendable {
  public var launch: EngineLaunch
  public var configuration: EngineConfiguration
  public var model: String
  public var worker: WorkerName

  public init(launch: EngineLaunch, configuration: EngineConfiguration, model: String, worker: WorkerName) {
    self.launch = launch
    self.configuration = configuration
    self.model = model
    self.worker = worker
  }

  /// The whole text, with a line break at its end.
  public func text(_ format: LaunchFormat) -> String {
    switch format {
    case .command: ShellCommand.line(environment: launch.environment, command: launch.command) + "\n"
    case .systemd: SystemdUnit(self).text
    case .k8s: KubernetesManifest(self).text
    }
  }

  /// A name that is allowed everywhere (RFC 1123: lower-case letters, digits and dashes, at most 63), such as
  /// `llamacpp-dense-q8-0`.
  var name: String {
    let words = "\(configuration.engine)-\(model)".lowercased().unicodeScalars
      .map { ("a"..."z").contains($0) || ("0"..."9").contains($0) ? Character($0) : "-" }
    let name = String(String(words).split(separator: "-").joined(separator: "-").prefix(63))
    return name.last == "-" ? String(name.dropLast()) : name.isEmpty ? "engine" : name
  }

  /// What this is and where it comes from, without line breaks.
  var origin: String {
    let words = "\(launch.engine.name) \(launch.engine.version), \(configuration.label), for \(model) on \(worker)"
    return String(words.map { $0.isNewline ? " " : $0 })
  }

  /// In whole MiB.
  var memoryLimitMiB: Int { Self.mebibytes(launch.memoryLimitBytes) }
  var memoryMiB: Int { Self.mebibytes(launch.memoryBytes) }

  private static func mebibytes(_ bytes: Int) -> Int { max(1, (bytes + (1 << 20) - 1) >> 20) }
}
