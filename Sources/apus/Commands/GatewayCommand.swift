import ArgumentParser
import Foundation
import Gateway
import Logging
import Messaging
import Serving

/// `apus gateway`: OpenAI's HTTP routes, answered by the coordinator.
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway", abstract: "Serve OpenAI clients over HTTP until told to stop; manage their API keys.",
    subcommands: [Serve.self, Keys.self], defaultSubcommand: Serve.self)

  struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Serve HTTP until told to stop.",
      discussion:
        "Options come from flags, then APUS_* variables, then --config, then defaults (Deploy/config/gateway.yaml).")

    @Option(help: "YAML file of options.") var config: String?
    @Option(help: "State directory. [default: .apus]") var state: String?
    @Option(help: "Address to listen on. [default: 127.0.0.1]") var host: String?
    @Option(help: "Port to listen on, 0 for any. [default: 8080]") var port: Int?
    @Option(help: "The coordinator's address. [default: the one running on this state directory]") var coordinator:
      String?
    @Option(help: "Name of the client key, or a path to its .key file. [default: client]") var key: String?
    @Option(
      parsing: .unconditional,
      help: "The coordinator's public key. [default: keys/coordinator.pub in the state directory]")
    var serverKey: String?
    @Option(help: "File of API keys. [default: gateway.keys in the state directory]") var apiKeys: String?
    @Option(help: "PEM file of the certificate chain, for HTTPS.") var tlsCertificate: String?
    @Option(help: "PEM file of the certificate's private key.") var tlsKey: String?
    @Flag(help: "Answer everybody, whoever reaches the address.") var withoutKeys = false
    @Flag(help: "Print one JSON line once it listens.") var json = false

    func run() async throws {
      let options = try ServiceOptions(
        path: config, section: "gateway",
        allowed: [
          "state", "host", "port", "coordinator", "key", "server_key", "api_keys", "body_limit_bytes", "request_limit",
          "connection_limit", "requests_per_minute", "requests_at_once", "patience_s", "stall_s", "drain_s",
          "cors_origins", "tls_certificate", "tls_key",
        ])
      let directory = StateDirectory(options.text("state", flag: state) ?? ".apus")
      let configuration = try configuration(options)
      let address = ClientAddress(
        directory: directory, coordinator: options.text("coordinator", flag: coordinator),
        key: options.text("key", flag: key) ?? "client", serverKey: options.text("server_key", flag: serverKey))
      let logger = Service.logger("apus.gateway")
      DescriptorLimit.raise()
      var apiKey: (@Sendable (String) -> GatewayKey?)?
      if let keys = try keys(options, directory, host: configuration.host, logger) { apiKey = { keys.find($0) } }
      let gateway = Gateway(
        configuration, endpoint: try address.endpoint(), address: try address.address(), forms: .commandLine,
        apiKey: apiKey, logger: logger)
      let (scheme, host) = (configuration.scheme, configuration.host)
      let prints = json
      try await Service.untilSignalled(
        {
          try await gateway.run { port in
            let url = "\(scheme)://\(host):\(port)"
            logger.info("listening on \(url)")
            // Who reads it has the address from here or from the log; nothing else depends on it.
            try? url.write(toFile: directory.gatewayAddress, atomically: true, encoding: .utf8)
            if prints { Console.print(JSONValue.object([("host", .string(host)), ("port", .int(port))]).text) }
          }
        },
        drain: {
          logger.info("stopping: what is being answered may take \(configuration.drainSeconds) s")
          gateway.stop()
        }, stop: { logger.info("stopping at once") })
      // A stale one only costs a refused connection.
      try? FileManager.default.removeItem(atPath: directory.gatewayAddress)
    }

    private func configuration(_ options: ServiceOptions) throws(ApusError) -> GatewayConfiguration {
      var configuration = GatewayConfiguration()
      configuration.host = options.text("host", flag: host) ?? configuration.host
      configuration.port = try options.number("port", flag: port, default: configuration.port, in: 0...65_535)
      configuration.bodyLimitBytes = try options.number(
        "body_limit_bytes", flag: nil, default: configuration.bodyLimitBytes, in: 1024...64 << 20)
      configuration.requestLimit = try options.number(
        "request_limit", flag: nil, default: configuration.requestLimit, in: 1...100_000)
      configuration.connectionLimit = try options.number(
        "connection_limit", flag: nil, default: configuration.connectionLimit, in: 1...100_000)
      configuration.patienceSeconds = try options.number(
        "patience_s", flag: nil, default: configuration.patienceSeconds, in: 0...86_400)
      configuration.stallSeconds = try options.number(
        "stall_s", flag: nil, default: configuration.stallSeconds, in: 1...86_400)
      configuration.drainSeconds = try options.number(
        "drain_s", flag: nil, default: configuration.drainSeconds, in: 0...86_400)
      configuration.crossOrigins = (options.text("cors_origins", flag: nil) ?? "").split { " ,\n".contains($0) }
        .map(String.init)
      if options.text("requests_per_minute", flag: nil) != nil {
        configuration.requestsPerMinute = try options.number(
          "requests_per_minute", flag: nil, default: 1, in: 1...1_000_000)
      }
      if options.text("requests_at_once", flag: nil) != nil {
        configuration.requestsAtOnce = try options.number("requests_at_once", flag: nil, default: 1, in: 1...100_000)
      }
      switch (
        options.text("tls_certificate", flag: tlsCertificate), options.text("tls_key", flag: tlsKey)
      ) {
      case (nil, nil): break
      case (let certificate?, let key?): configuration.tls = TLSFiles(certificate: certificate, key: key)
      default:
        throw ApusError(.usage, "HTTPS needs a certificate and its key", advice: "give --tls-certificate and --tls-key")
      }
      return configuration
    }

    /// The API keys that are asked for; nil for a gateway that asks for none.
    private func keys(
      _ options: ServiceOptions, _ directory: StateDirectory, host: String, _ logger: Logger
    ) throws(ApusError) -> LiveAPIKeys? {
      if withoutKeys { return nil }
      let file = APIKeyFile(path: options.text("api_keys", flag: apiKeys) ?? directory.gatewayKeys)
      let keys = try LiveAPIKeys(file, logger: logger)
      if !keys.isEmpty { return keys }
      guard ["127.0.0.1", "localhost", "::1"].contains(host) else {
        throw ApusError(
          .usage, "others can reach \(host), and there are no API keys in \(file.path)",
          advice: "make one with `apus gateway keys add NAME`, or say --without-keys")
      }
      return nil
    }
  }

  struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Make, list and revoke API keys. A running gateway knows a second later, of the first after a restart.",
      subcommands: [Add.self, List.self, Revoke.self])

    struct Common: ParsableArguments {
      @Option(help: "State directory.") var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
      @Flag(help: "Print one JSON object.") var json = false

      var file: APIKeyFile { APIKeyFile(path: StateDirectory(state).gatewayKeys) }
    }

    struct Add: ParsableCommand {
      static let configuration = CommandConfiguration(abstract: "Make a key; it is shown once.")
      @OptionGroup var common: Common
      @Flag(help: "It may see, cancel and retry everybody's jobs, not its own alone.") var admin = false
      @Argument(help: "A name for it. Its jobs belong to the name: a key made anew under it has those of the last.")
      var name: String

      func run() throws {
        let key = try common.file.add(name, isAdmin: admin)
        let members: [(String, JSONValue)] = [
          ("name", .string(name)), ("is_admin", .bool(admin)), ("key", .string(key)),
        ]
        Console.print(common.json ? JSONValue.object(members).text : key)
      }
    }

    struct List: ParsableCommand {
      static let configuration = CommandConfiguration(abstract: "Names of the keys, and which are administrators'.")
      @OptionGroup var common: Common

      func run() throws {
        let keys = try common.file.read().values.sorted { $0.name < $1.name }
        if common.json {
          let admins = keys.filter(\.isAdmin).map(\.name)
          Console.print(
            JSONValue.object([
              ("keys", JSONValue(strings: keys.map(\.name))), ("admins", JSONValue(strings: admins)),
            ]).text)
        } else {
          Console.print(keys.map { $0.isAdmin ? "\($0.name) (admin)" : $0.name }.joined(separator: "\n"))
        }
      }
    }

    struct Revoke: ParsableCommand {
      static let configuration = CommandConfiguration(abstract: "Make a key worthless.")
      @OptionGroup var common: Common
      @Argument(help: "Its name.") var name: String

      func run() throws { try common.file.revoke(name) }
    }
  }
}
