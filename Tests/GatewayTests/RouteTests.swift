import Foundation
import Logging
import Messaging
import Serving
import Testing
import Yams

@testable import Gateway

/// Schemas/http-api.openapi.yaml describes the routes there are, and no others.
@Suite struct RouteTests {
  @Test func theDescriptionIsThatOfTheRouter() throws {
    let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(
      contentsOf: checkout.appendingPathComponent("Schemas/http-api.openapi.yaml"), encoding: .utf8)
    let document = try #require(try Yams.load(yaml: text) as? [String: Any])
    let paths = try #require(document["paths"] as? [String: [String: Any]])
    let described = paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } }.sorted()
    #expect(TestGateway.make().routes == described)
  }
}
