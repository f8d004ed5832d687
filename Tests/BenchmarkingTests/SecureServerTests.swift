import Engines
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Serving
import TestKit
import Testing

@testable import Benchmarking

/// Servers reached by TLS and by name, as attached ones may be.
@Suite(.timeLimit(.minutes(10))) struct SecureServerTests {
  /// Sends the same answer to whatever comes first over a connection, and closes it.
  private final class Answering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let text: String
    init(_ text: String) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      context.close(promise: nil)
    }
  }

  /// A certificate for the loopback address under both of its names, signed by nobody but itself.
  private static func certificate(in folder: TemporaryFolder) throws -> (certificate: String, key: String) {
    let (certificate, key) = (folder.path + "/own.crt", folder.path + "/own.key")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
      certificate,
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return (certificate, key)
  }

  private static let answer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"tokens\":[7,8]}"

  /// Runs `body` with the port of a server and the file of its certificate.
  private func withServer(_ body: (_ port: Int, _ certificate: String) async throws -> Void) async throws {
    let folder = TemporaryFolder()
    let files = try Self.certificate(in: folder)
    let tls = try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))))
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
          try channel.pipeline.syncOperations.addHandler(Answering(Self.answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    try await body(try #require(server.localAddress?.port), files.certificate)
    try await server.close()
  }

  private func tokens(_ client: StreamingClient, at url: String) async throws(RequestFailure) -> [Int32] {
    try await client.tokenize("a", addingSpecial: false, at: EngineEndpoint(baseURL: url, dialect: .llamaCpp))
  }

  /// What is said where there are no tokens; nil where there are.
  private func refusal(_ client: StreamingClient, at url: String) async -> String? {
    do throws(RequestFailure) {
      _ = try await tokens(client, at: url)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test("A certificate that is trusted is asked by name and by address", arguments: ["localhost", "127.0.0.1"])
  func trusted(host: String) async throws {
    try await withServer { port, certificate in
      var client = StreamingClient()
      client.trusted = .file(certificate)
      let tokens = try await self.tokens(client, at: "https://\(host):\(port)")
      #expect(tokens == [7, 8])
    }
  }

  @Test("One that the system does not trust is refused, and one of another name")
  func untrusted() async throws {
    try await withServer { port, certificate in
      let untrusted = await refusal(StreamingClient(), at: "https://localhost:\(port)")
      #expect(untrusted?.contains("TLS cannot be set up") == true && untrusted?.contains("VERIFY_FAILED") == true)
      var client = StreamingClient()
      client.trusted = .file(certificate)
      #expect(await refusal(client, at: "https://127.0.0.2:\(port)") != nil)
    }
  }

  @Test("A plain server is asked by name, and a name without an address says so")
  func names() async throws {
    let server = CannedServer([([Self.answer], .close)])
    let url = server.baseURL.replacing("127.0.0.1", with: "localhost")
    let tokens = try await self.tokens(StreamingClient(), at: url)
    #expect(tokens == [7, 8])
    withExtendedLifetime(server) {}
    #expect(await refusal(StreamingClient(), at: "http://nobody.invalid:1")?.contains("nobody.invalid") == true)
  }
}
