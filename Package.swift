// swift-tools-version: 6.2
import PackageDescription

/// Every target: Swift 6 language mode (the tools version's default), warnings are errors.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "envoyd",
    products: [
        .executable(name: "envoyd", targets: ["envoyd"]),
        .executable(name: "statdump", targets: ["statdump"]),
        .library(name: "SharedMemory", targets: ["SharedMemory"]),
        .library(name: "Stats", targets: ["Stats"]),
        .library(name: "StatsMetrics", targets: ["StatsMetrics"]),
        .library(name: "HotRestart", targets: ["HotRestart"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // The API of StatsMetrics; no program of ours links it.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        // C: what Swift cannot express, and the system libraries.
        .target(name: "CLinux", exclude: ["README.md"]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),

        // Libraries, each depending downwards only.
        .target(name: "SharedMemory", dependencies: ["CLinux"], exclude: ["README.md"], swiftSettings: strict),
        .target(
            name: "Stats", dependencies: ["SharedMemory", "CLinux", "CRE2"], exclude: ["README.md"],
            swiftSettings: strict),
        .target(name: "StatCatalog", dependencies: ["Stats"], exclude: ["README.md"], swiftSettings: strict),
        // For other servers: swift-metrics over Stats. envoyd does not link it (tools/check-tree).
        .target(
            name: "StatsMetrics",
            dependencies: [
                "Stats", "SharedMemory", "CLinux", .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            exclude: ["README.md"], swiftSettings: strict),
        .target(name: "HotRestart", dependencies: ["CLinux"], exclude: ["README.md"], swiftSettings: strict),
        .target(
            name: "ProxyConfig", dependencies: ["CYaml", "CRE2"], path: "Sources/Proxy/Config", swiftSettings: strict),
        .target(
            name: "Proxy",
            dependencies: [
                "ProxyConfig", "StatCatalog", "Stats", "SharedMemory", "HotRestart", "CLinux", "CCares", "CRE2",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Config", "README.md"],
            swiftSettings: strict),

        // Programs.
        .executableTarget(
            name: "envoyd",
            dependencies: ["Proxy", "Stats", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            exclude: ["README.md"],
            swiftSettings: strict),
        .executableTarget(
            name: "statdump",
            dependencies: [
                "StatCatalog",
                "Stats", "SharedMemory", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "tools/statdump",
            swiftSettings: strict),
        // Writes docs/stats.md, for tools/gen-stats-doc.
        .executableTarget(
            name: "stats-doc", dependencies: ["StatCatalog"], path: "tools/stats-doc", swiftSettings: strict),
        // Writes docs/compatibility.md, for tools/gen-config-doc.
        .executableTarget(
            name: "config-doc", dependencies: ["ProxyConfig"], path: "tools/config-doc", swiftSettings: strict),
        // The figures of docs/performance.md about stats.
        .executableTarget(
            name: "stats-bench", dependencies: ["Stats", "SharedMemory", "CLinux"], path: "tools/stats-bench",
            swiftSettings: strict),
        // The small upstream of tools/run and of the integration tests.
        .executableTarget(name: "upstream", dependencies: ["CLinux"], path: "tools/upstream", swiftSettings: strict),

        // Children and text, for tools that start programs.
        .target(name: "ToolSupport", dependencies: ["CLinux"], path: "tools/support", swiftSettings: strict),

        // The runner of `tools/bench`, which compiles C/ itself: its relay, upstream and client are no part of the proxy.
        .executableTarget(
            name: "proxy-bench", dependencies: ["ToolSupport", "CLinux"], path: "tools/proxy-bench", exclude: ["C"],
            swiftSettings: strict),

        // The clients of `tools/bench restart`.
        .executableTarget(
            name: "restart-bench", dependencies: ["CLinux"], path: "tools/restart-bench", swiftSettings: strict),

        // `tools/soak MINUTES`: clients, upstreams and a name server, and the verdict.
        .executableTarget(
            name: "mixed-soak", dependencies: ["ToolSupport", "ThreadTesting", "CLinux"], path: "tools/mixed-soak",
            swiftSettings: strict),

        // The clients of `tools/soak gaps` and `tools/soak crashes`.
        .executableTarget(
            name: "gap-client", dependencies: ["CLinux"], path: "tools/gap-client", swiftSettings: strict),
        .executableTarget(
            name: "crash-client", dependencies: ["CLinux"], path: "tools/crash-client", swiftSettings: strict),

        // What a metric costs.
        .executableTarget(
            name: "metrics-bench",
            dependencies: [
                "StatsMetrics", "Stats", "SharedMemory", "CLinux",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            path: "tools/metrics-bench", swiftSettings: strict),

        // Another process of a region's, for the tests; and what starts and kills it.
        .executableTarget(
            name: "region-child", dependencies: ["Stats", "SharedMemory", "CLinux"], path: "tools/region-child",
            swiftSettings: strict),
        // Another process that takes over listening sockets, for the tests of HotRestart.
        .executableTarget(
            name: "hand-over-child", dependencies: ["HotRestart", "ThreadTesting", "CLinux"],
            path: "tools/hand-over-child", swiftSettings: strict),
        .target(
            name: "RegionTesting", dependencies: ["SharedMemory", "CLinux"], path: "Tests/SharedMemoryTests/Support",
            swiftSettings: strict),
        // What tools/fuzz does to an input, for the tests that replay its corpus.
        .target(
            name: "FuzzTargets", dependencies: ["Stats", "SharedMemory", "CLinux", "ProxyConfig"],
            path: "tools/fuzz/Sources/FuzzTargets", swiftSettings: strict),
        // Reads Prometheus text with Prometheus' own parser, for the tests.
        .target(
            name: "PrometheusTesting", dependencies: ["CLinux"], path: "Tests/PrometheusTesting", swiftSettings: strict),
        // Raw messages, and what must become of each: for the tests and for tools/compare-strictness.
        .target(
            name: "MessageCases", dependencies: ["ThreadTesting", "CLinux"], path: "Tests/MessageCases",
            exclude: ["README.md", "Requests", "Responses"], swiftSettings: strict),
        // Configurations and requests, and what Envoy does with them: for the tests and for tools/compare-envoy.
        .target(
            name: "EnvoyCases", dependencies: ["MessageCases", "CLinux"], path: "Tests/EnvoyCases",
            exclude: ["README.md", "Cases"], swiftSettings: strict),
        // Runs both against envoyd and Envoy.
        .executableTarget(
            name: "envoy-comparison", dependencies: ["MessageCases", "EnvoyCases", "ToolSupport", "CLinux"],
            path: "tools/envoy-comparison", swiftSettings: strict),
        // Threads for the tests.
        .target(
            name: "ThreadTesting", dependencies: ["CLinux"], path: "Tests/ThreadTesting", swiftSettings: strict),
        .testTarget(
            name: "SharedMemoryTests",
            dependencies: ["SharedMemory", "CLinux", "RegionTesting", "ThreadTesting", "region-child"],
            exclude: ["Support"], swiftSettings: strict),
        .testTarget(
            name: "StatsTests",
            dependencies: [
                "Stats", "SharedMemory", "CLinux", "RegionTesting", "ThreadTesting", "FuzzTargets", "PrometheusTesting",
                "region-child", "statdump",
            ],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "StatCatalogTests", dependencies: ["StatCatalog", "Stats", "CLinux"], swiftSettings: strict),
        .testTarget(
            name: "StatsMetricsTests",
            dependencies: [
                "StatsMetrics", "Stats", "SharedMemory", "RegionTesting", "ThreadTesting", "PrometheusTesting",
                "region-child", "statdump",
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HotRestartTests", dependencies: ["HotRestart", "ThreadTesting", "CLinux", "hand-over-child"],
            swiftSettings: strict),
        .testTarget(
            name: "ProxyConfigTests", dependencies: ["ProxyConfig"], path: "Tests/ProxyTests/ConfigTests",
            swiftSettings: strict),
        .testTarget(
            name: "ProxyTests",
            dependencies: ["Proxy", "ProxyConfig", "StatCatalog", "Stats", "CLinux", "ThreadTesting", "MessageCases"],
            exclude: ["ConfigTests"], swiftSettings: strict),
        // Replays the corpora of tools/fuzz that are about the proxy. The folder is a library of tools/fuzz too; here it is a
        // test target, since it looks at what is not public.
        .testTarget(
            name: "ProxyFuzzTests",
            dependencies: [
                "FuzzTargets", "Proxy", "ProxyConfig", "HotRestart", "Stats", "MessageCases", "CLinux", "CCares",
                "ThreadTesting",
            ],
            path: "tools/fuzz/Sources/ProxyFuzzing", swiftSettings: strict),
        .testTarget(name: "BenchTests", dependencies: ["proxy-bench", "ToolSupport"], swiftSettings: strict),
        .testTarget(
            name: "MixedSoakTests", dependencies: ["mixed-soak", "ToolSupport", "CLinux"], swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "CLinux", "StatCatalog", "FuzzTargets", "ThreadTesting", "PrometheusTesting", "MessageCases",
                "EnvoyCases", "envoyd", "statdump", "upstream",
            ],
            path: "Tests/Integration", swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
