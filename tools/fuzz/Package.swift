// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because all of it is built with the fuzzer's instrumentation. Its sources are those of the
// package above (symbolic links).
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]
// What is fuzzed is not public.
let testable: [SwiftSetting] = strict + [.unsafeFlags(["-enable-testing"])]

let package = Package(
    name: "fuzz",
    dependencies: [.package(url: "https://github.com/apple/swift-log", from: "1.16.2")],
    targets: [
        .target(name: "CLinux", exclude: ["README.md"]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .target(name: "ProxyConfig", dependencies: ["CYaml", "CRE2"], swiftSettings: testable),
        .target(name: "SharedMemory", dependencies: ["CLinux"], exclude: ["README.md"], swiftSettings: strict),
        .target(
            name: "Stats", dependencies: ["SharedMemory", "CLinux", "CRE2"], exclude: ["README.md"],
            swiftSettings: strict),
        .target(name: "StatCatalog", dependencies: ["Stats"], exclude: ["README.md"], swiftSettings: strict),
        .target(name: "HotRestart", dependencies: ["CLinux"], exclude: ["README.md"], swiftSettings: testable),
        .target(
            name: "Proxy",
            dependencies: [
                "ProxyConfig", "StatCatalog", "Stats", "SharedMemory", "HotRestart", "CLinux", "CCares", "CRE2",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Config", "README.md"], swiftSettings: testable),
        .target(name: "ThreadTesting", dependencies: ["CLinux"], swiftSettings: strict),
        // Raw messages, as seeds.
        .target(
            name: "MessageCases", dependencies: ["ThreadTesting", "CLinux"],
            exclude: ["README.md", "Requests", "Responses"], swiftSettings: strict),
        // What is done to an input; the package above replays the corpora with it.
        .target(
            name: "FuzzTargets", dependencies: ["Stats", "SharedMemory", "CLinux", "ProxyConfig"], swiftSettings: strict
        ),
        .target(
            name: "ProxyFuzzing",
            dependencies: [
                "FuzzTargets", "Proxy", "ProxyConfig", "HotRestart", "Stats", "MessageCases", "CLinux", "CCares",
            ],
            exclude: ["ReplayTests.swift"], swiftSettings: strict),
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzTargets", "ProxyFuzzing"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
    ],
    cxxLanguageStandard: .cxx17
)
