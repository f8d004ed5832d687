import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus keys`: who may speak to the coordinator.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Make, allow and revoke the keys that workers and clients prove themselves with.",
    subcommands: [Generate.self, Authorize.self, List.self, Rotate.self, Revoke.self])

  struct Common: ParsableArguments {
    @Option(help: "State directory of this node.")
    var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
    @Flag(help: "Print one JSON object.")
    var json = false

    func ring() throws(ApusError) -> KeyRing {
      let directory = StateDirectory(state)
      try directory.create()
      return KeyRing(directory: directory.keys)
    }

    static func role(_ text: String) throws(ApusError) -> PeerRole {
      guard let role = PeerRole(rawValue: text) else {
        throw ApusError(.usage, "\(text) is not a role", advice: "use worker or client")
      }
      return role
    }

    func say(_ text: String, _ members: [(String, JSONValue)]) {
      Console.print(json ? JSONValue.object(members).text : text)
    }
  }

  struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a key pair. With --role it is allowed on this state directory's coordinator at once.")
    @OptionGroup var common: Common
    @Argument(help: "Name of the key: lower-case letters, digits, dot, dash, underscore.") var name: String
    @Option(help: "worker or client.") var role: String?

    func run() throws {
      let ring = try common.ring()
      let role = try role.map { text throws(ApusError) in try Common.role(text) }
      let pair = try ring.generate(name)
      if let role { try ring.authorize(name: name, publicKey: pair.publicKey, role: role) }
      common.say(
        """
        made \(name): public key \(pair.publicKey)
        \(role == nil ? "allow it where the coordinator runs: apus keys authorize \(name) --role worker --public-key '\(pair.publicKey)'" : "allowed here as \(role!.rawValue)")
        """,
        [("name", .string(name)), ("public_key", .string(pair.publicKey)), ("role", JSONValue(role?.rawValue))])
    }
  }

  struct Authorize: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Allow a public key on this coordinator.")
    @OptionGroup var common: Common
    @Argument var name: String
    @Option(help: "worker or client.") var role: String
    // One key in 85 begins with a hyphen.
    @Option(parsing: .unconditional, help: "40 characters; default: the key of that name in this state directory.")
    var publicKey: String?

    func run() throws {
      let ring = try common.ring()
      let key = try publicKey ?? ring.publicKey(name)
      try ring.authorize(name: name, publicKey: key, role: Common.role(role))
      common.say("allowed \(name) as \(role)", [("name", .string(name)), ("role", .string(role))])
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the allowed keys.")
    @OptionGroup var common: Common

    func run() throws {
      let keys = try common.ring().list()
      if common.json {
        Console.print(
          JSONValue.object([
            (
              "keys",
              .array(
                keys.map {
                  .object([
                    ("name", .string($0.name)), ("role", .string($0.role.rawValue)),
                    ("public_key", .string($0.publicKey)),
                  ])
                })
            )
          ]).text)
      } else {
        var table = TextTable(["NAME", "ROLE", "PUBLIC KEY"])
        for key in keys { table.add([key.name, key.role.rawValue, key.publicKey]) }
        Console.print(table.text())
      }
    }
  }

  struct Rotate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Replace a key by a new pair under the same name and role; the old one stops working.")
    @OptionGroup var common: Common
    @Argument var name: String

    func run() throws {
      let pair = try common.ring().rotate(name)
      common.say(
        "rotated \(name): public key \(pair.publicKey)\nrestart what uses it",
        [("name", .string(name)), ("public_key", .string(pair.publicKey))])
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Refuse a key from its next message on.")
    @OptionGroup var common: Common
    @Argument var name: String

    func run() throws {
      try common.ring().revoke(name)
      common.say("revoked \(name)", [("name", .string(name))])
    }
  }
}
