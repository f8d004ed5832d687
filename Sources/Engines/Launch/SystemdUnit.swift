import Serving

/// A launch as a systemd service (systemd.service(5), systemd.exec(5), systemd.resource-control(5)).
struct SystemdUnit {
  private let document: LaunchDocument

  init(_ document: LaunchDocument) { self.document = document }

  var text: String {
    let launch = document.launch
    let environment = launch.environment.sorted { $0.key < $1.key }
      .map { "Environment=\(Self.quoted("\($0.key)=\($0.value)", isCommand: false))\n" }.joined()
    let command = launch.command.map { Self.quoted($0, isCommand: true) }.joined(separator: " ")
    return """
      # \(document.origin), as recommended by Apus. Save it as /etc/systemd/system/\(document.name).service on that
      # machine, then: systemctl daemon-reload && systemctl enable --now \(document.name)
      # It runs as root unless you add User= with somebody who may read the files below.
      [Unit]
      Description=\(Self.description(document))
      After=network-online.target
      Wants=network-online.target

      [Service]
      \(environment)ExecStart=\(command)
      # Ready when http://\(launch.host):\(launch.port)\(launch.healthPath) answers 200.
      Restart=on-failure
      RestartSec=2
      TimeoutStopSec=30
      # \(document.memoryMiB) MiB are foreseen, the margin of the estimate included; the limit has room for a cache of ended
      # requests in main memory, where the engine keeps one.
      MemoryMax=\(document.memoryLimitMiB)M
      LimitNOFILE=65536

      [Install]
      WantedBy=multi-user.target

      """
  }

  private static func description(_ document: LaunchDocument) -> String {
    "\(document.configuration.engine) serving \(document.model)".replacing("%", with: "%%")
  }

  /// In double quotes, with C escapes; `%` begins a specifier, and in a command `$` a variable.
  static func quoted(_ word: String, isCommand: Bool) -> String {
    var out = "\""
    for scalar in word.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case "%": out += "%%"
      case "$" where isCommand: out += "$$"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
