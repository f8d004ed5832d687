import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Gateway

/// Which connections go on after an answer, and what is said before a body.
@Suite struct PersistenceTests {
  /// Made by each test for itself: its loop belongs to one thread.
  private struct Connection {
    private typealias Request = HTTPServerRequestPart
    private typealias Response = HTTPServerResponsePart

    let channel = EmbeddedChannel(handler: PersistenceHandler())

    /// Sends a request without its body.
    ///
    /// - Returns: what the gateway sees of it.
    @discardableResult func ask(
      _ headers: HTTPHeaders, version: HTTPVersion = .http1_1
    ) throws -> HTTPRequestHead? {
      let head = HTTPRequestHead(version: version, method: .POST, uri: "/", headers: headers)
      try channel.writeInbound(Request.head(head))
      guard case .head(let seen)? = try channel.readInbound(as: Request.self) else { return nil }
      return seen
    }

    func sendBody() throws {
      try channel.writeInbound(Request.body(ByteBuffer(string: "a")))
      try channel.writeInbound(Request.end(nil))
    }

    func askForBody() throws { try channel.triggerUserOutboundEvent(PersistenceHandler.BodyIsWanted()).wait() }

    /// - Returns: what the client sees of the answer.
    func answer(_ headers: HTTPHeaders = ["content-length": "0"]) throws -> HTTPResponseHead? {
      try channel.writeOutbound(Response.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)))
      try channel.writeOutbound(Response.end(nil))
      return try written()
    }

    func written() throws -> HTTPResponseHead? {
      guard case .head(let head)? = try channel.readOutbound(as: Response.self) else { return nil }
      return head
    }
  }

  @Test("A body that is held back is asked for once, and the connection goes on")
  func expectation() throws {
    let connection = Connection()
    try connection.ask(["expect": "100-continue", "content-length": "1"])
    for _ in 0..<2 { try connection.askForBody() }
    #expect(try connection.written()?.status == .continue)
    try connection.sendBody()
    let answer = try connection.answer()
    #expect(answer?.status == .ok && answer?.headers["connection"] == [])
  }

  @Test("An answer without it is the last, as nobody knows whether the body comes")
  func unwanted() throws {
    let connection = Connection()
    try connection.ask(["expect": "100-continue", "content-length": "1"])
    #expect(try connection.answer()?.headers["connection"] == ["close"])
  }

  @Test("Nobody who does not wait is told to go on")
  func noExpectation() throws {
    let connection = Connection()
    try connection.ask(["content-length": "1"])
    try connection.askForBody()
    #expect(try connection.answer()?.status == .ok)
  }

  @Test("HTTP/1.0 is closed unless the client asks otherwise and the answer has a length")
  func oldClients() throws {
    let connection = Connection()
    for (wish, headers, end) in [
      (["connection": "keep-alive"], ["content-length": "0"], "keep-alive"),
      (["connection": "keep-alive"], [:], "close"), ([:], ["content-length": "0"], "close"),
    ] as [(HTTPHeaders, HTTPHeaders, String)] {
      try connection.ask(wish, version: .http1_0)
      let answer = try connection.answer(headers)
      #expect(answer?.version == .http1_0 && answer?.headers["connection"] == [end])
      while try connection.channel.readOutbound(as: HTTPServerResponsePart.self) != nil {}
    }
  }

  @Test("What is no request is told so; what breaks off in a body is not answered here")
  func malformed() throws {
    let connection = Connection()
    connection.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
    let told = try connection.written()
    #expect(told?.status == .badRequest && told?.headers["connection"] == ["close"])
    let other = Connection()
    try other.ask(["content-length": "2"])
    other.channel.pipeline.fireErrorCaught(HTTPParserError.invalidEOFState)
    #expect(throws: HTTPParserError.self) { try other.channel.throwIfErrorCaught() }
    #expect(try other.written() == nil)
  }
}
