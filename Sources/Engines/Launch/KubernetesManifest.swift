import Serving

/// A launch as a Kubernetes Deployment of one replica and a Service before it.
///
/// What only the user can decide is a placeholder in capitals: the image that has the engine's runtime, and the
/// cluster's name of the node whose files are used.
struct KubernetesManifest {
  static let imagePlaceholder = "IMAGE-WITH-THE-RUNTIME-OF-THE-ENGINE"
  static let nodePlaceholder = "NAME-OF-THE-NODE-WITH-THESE-FILES"

  private let document: LaunchDocument

  init(_ document: LaunchDocument) { self.document = document }

  var text: String {
    let launch = document.launch
    let name = document.name
    let failures = max(1, Int((launch.startTimeoutSeconds / 2).rounded(.up)))
    return """
      # \(document.origin), as recommended by Apus.
      # Before `kubectl apply`, replace two names, which Apus cannot know:
      #   \(Self.imagePlaceholder): an image that can run the command below
      #   \(Self.nodePlaceholder): the machine of \(document.worker), as `kubectl get nodes` shows it
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: \(name)
        labels:
          app: \(name)
      spec:
        replicas: 1
        # Two engines at once would not fit the node: the old one goes first.
        strategy:
          type: Recreate
        selector:
          matchLabels:
            app: \(name)
        template:
          metadata:
            labels:
              app: \(name)
          spec:
            nodeSelector:
              kubernetes.io/hostname: \(Self.nodePlaceholder)
            containers:
              - name: engine
                image: \(Self.imagePlaceholder)
                command:
      \(list(launch.command.map { Self.quoted(Self.expansionSafe($0)) }, indent: 12))\(environment)
                ports:
                  - name: http
                    containerPort: \(launch.port)
                startupProbe:
                  httpGet: {path: \(Self.quoted(launch.healthPath)), port: http}
                  periodSeconds: 2
                  failureThreshold: \(failures)
                readinessProbe:
                  httpGet: {path: \(Self.quoted(launch.healthPath)), port: http}
                  periodSeconds: 5
                livenessProbe:
                  httpGet: {path: \(Self.quoted(launch.healthPath)), port: http}
                  periodSeconds: 30
                  timeoutSeconds: 10
                resources:
                  requests: {cpu: \(Self.quoted(String(launch.coreCount))), memory: \(document.memoryMiB)Mi}
                  limits: {\(accelerators)memory: \(document.memoryLimitMiB)Mi}
      \(mounts)
      ---
      apiVersion: v1
      kind: Service
      metadata:
        name: \(name)
      spec:
        selector:
          app: \(name)
        ports:
          - name: http
            port: \(launch.port)
            targetPort: http

      """
  }

  private var environment: String {
    guard !document.launch.environment.isEmpty else { return "" }
    let variables = document.launch.environment.sorted { $0.key < $1.key }.map {
      "            - {name: \(Self.quoted($0.key)), value: \(Self.quoted(Self.expansionSafe($0.value)))}"
    }
    return "\n          env:\n" + variables.joined(separator: "\n")
  }

  private var accelerators: String {
    let count = document.launch.acceleratorCount
    return count > 0 ? "nvidia.com/gpu: \(Self.quoted(String(count))), " : ""
  }

  /// The folders of the engine and of the models, where the command expects them.
  private var mounts: String {
    var folders: [String] = []
    for folder in [document.launch.engineDirectory].compactMap({ $0 }) + document.launch.modelPaths.map(Self.folder)
    where !folders.contains(folder) { folders.append(folder) }
    guard !folders.isEmpty else { return "" }
    let named = folders.enumerated().map { (name: "files-\($0.offset)", folder: Self.quoted($0.element)) }
    return """
                volumeMounts:
      \(list(named.map { "{name: \($0.name), mountPath: \($0.folder), readOnly: true}" }, indent: 12))
            volumes:
      \(list(named.map { "{name: \($0.name), hostPath: {path: \($0.folder), type: Directory}}" }, indent: 8))
      """
  }

  private func list(_ items: [String], indent: Int) -> String {
    items.map { String(repeating: " ", count: indent) + "- " + $0 }.joined(separator: "\n")
  }

  private static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// Kubernetes puts a variable's value for `$(NAME)` in commands and values; a doubled `$` keeps the text.
  private static func expansionSafe(_ text: String) -> String { text.replacing("$(", with: "$$(") }

  /// A double-quoted scalar (YAML 1.2, 7.3.1), whose escapes are those of JSON.
  static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        out += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
