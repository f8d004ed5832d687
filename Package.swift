// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built in the Swift 6 language mode with these upcoming features, and without warnings.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// Programs allocate with jemalloc: what one thread makes another frees all the time, such as messages by libzmq's own
/// thread, and threads wait for each other in the C library's allocator there.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, swiftSettings: strict, linkerSettings: [.linkedLibrary("jemalloc")])
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "apus",
  products: [
    .executable(name: "apus", targets: ["apus"]),
    .executable(name: "apus-engine-guard", targets: ["apus-engine-guard"]),
    .executable(name: "apus-benchmarks", targets: ["apus-benchmarks"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // C libraries from the system, and C of our own.
    .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
    .systemLibrary(name: "CXGBoost", providers: [.apt(["libxgboost-dev"])]),
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
    .target(name: "CMessages", linkerSettings: [.linkedLibrary("protobuf-c")]),
    .target(name: "CEchoBenchmark", dependencies: ["CZeroMQ"]),
    .executableTarget(name: "apus-engine-guard", path: "Sources/EngineGuard"),

    // Swift over those libraries; these know nothing of the domain.
    library("ZeroMQ", ["CZeroMQ", deque]),
    library("XGBoost", ["CXGBoost"]),
    library("OpenBLAS", ["COpenBLAS"]),

    // The domain, from the vocabulary outwards.
    library("Serving"),
    library("Acceleration", ["Serving"]),
    library("ExpertPlacement", ["Serving"]),
    library("PlacementSelection", ["Serving", "ExpertPlacement", "XGBoost"]),
    library("PlacementSimulation", ["Serving", "ExpertPlacement", "PlacementSelection", "XGBoost"]),
    library("Engines", ["Serving", "Acceleration", "COpenSSL"]),
    library("Benchmarking", ["Serving", "Acceleration", "Engines", nio, nioHTTP1, nioPosix, nioSSL]),
    library("History", ["Serving", grdb]),
    library("Messaging", ["Serving", "ZeroMQ", "CMessages", deque]),
    library(
      "ExpertExecution",
      ["Serving", "Engines", "ExpertPlacement", "Messaging", "OpenBLAS", "PlacementSelection", "ZeroMQ"]),
    library("Learning", ["XGBoost", yams]),
    library("Selection", ["Serving", "Acceleration", "Learning"]),
    library("Coordinator", ["Serving", "Acceleration", "Selection", "History", "Messaging", deque, logging]),
    library(
      "Worker",
      [
        "Serving", "Acceleration", "Engines", "Benchmarking", "ExpertExecution", "ExpertPlacement", "Messaging",
        "OpenBLAS", "PlacementSelection", deque, logging,
      ]),
    library("OpenAI", ["Serving"]),
    library(
      "Gateway",
      [
        "Serving", "Messaging", "OpenAI", hummingbird, hummingbirdCore, hummingbirdTLS, httpTypes, logging, nio,
        nioHTTP1, nioPosix, nioSSL, serviceLifecycle,
      ]),
    library("TestKit", ["Serving", "Acceleration", "Engines", "History", "Messaging"]),
    library("Simulation", ["Serving", "Selection", "History", "Messaging", "Coordinator"]),
    library("PlannerReplay", ["Serving", "Acceleration", "Selection", "Coordinator"]),

    program(
      "apus",
      [
        "Serving", "Acceleration", "Engines", "Benchmarking", "ExpertExecution", "ExpertPlacement", "History",
        "Learning", "Messaging", "PlacementSelection", "Selection", "Coordinator", "Simulation", "Worker", "Gateway",
        "OpenAI", "XGBoost", "ZeroMQ", argumentParser, logging, unixSignals, yams,
      ]),
    program(
      "apus-benchmarks",
      [
        "Serving", "Acceleration", "Engines", "Benchmarking", "ExpertExecution", "ExpertPlacement", "History",
        "Messaging", "Selection", "Coordinator", "Worker", "Gateway", "PlacementSimulation", "TestKit", "PlannerReplay",
        "Learning", "XGBoost",
        "ZeroMQ", "CEchoBenchmark", argumentParser, logging, nio, nioPosix,
      ]),

    // Killed in the middle of its writes by a test of the history.
    .executableTarget(
      name: "HistoryWriter", dependencies: ["Serving", "History", "TestKit"], path: "Tests/Fixtures/HistoryWriter",
      swiftSettings: strict),

    tests("ServingTests", ["Serving"]),
    tests("ZeroMQTests", ["ZeroMQ"]),
    tests("XGBoostTests", ["XGBoost"]),
    tests("AccelerationTests", ["Acceleration", "Serving"]),
    tests("ExpertPlacementTests", ["ExpertPlacement", "Serving"]),
    tests(
      "PlacementSelectionTests", ["PlacementSelection", "PlacementSimulation", "ExpertPlacement", "Serving"]),
    tests(
      "ExpertExecutionTests",
      [
        "ExpertExecution", "Engines", "ExpertPlacement", "Messaging", "PlacementSelection", "Serving", "TestKit",
        "Worker", "ZeroMQ",
      ]),
    tests("EnginesTests", ["Engines", "Acceleration", "Serving", "TestKit", yams]),
    tests(
      "BenchmarkingTests", ["Acceleration", "Benchmarking", "Engines", "Serving", "TestKit", nio, nioPosix, nioSSL]),
    tests("HistoryTests", ["History", "HistoryWriter", "Serving", "TestKit", grdb]),
    tests("OpenAITests", ["OpenAI", "Serving"]),
    tests(
      "GatewayTests",
      ["Gateway", "Messaging", "OpenAI", "Serving", httpTypes, logging, nio, nioEmbedded, nioHTTP1, yams]),
    tests("MessagingTests", ["Messaging", "Serving", "TestKit", "ZeroMQ"]),
    tests("LearningTests", ["Learning"]),
    tests("SelectionTests", ["Selection", "Acceleration", "Learning", "Serving"]),
    tests(
      "CoordinatorTests", ["Coordinator", "Acceleration", "History", "Messaging", "Selection", "Serving", "TestKit"]),
    tests("SimulationTests", ["Simulation", "Coordinator", "Serving"]),
    tests("PlannerReplayTests", ["PlannerReplay", "Coordinator", "Selection", "Serving"]),
    tests("WorkerTests", ["Acceleration", "Worker", "Engines", "Messaging", "Serving", "TestKit"]),
    tests("IntegrationTests", ["Engines", "ExpertExecution", "ExpertPlacement", "History", "Messaging", "Serving"]),
  ],
  swiftLanguageModes: [.v6]
)
