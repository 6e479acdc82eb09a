// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because all of it is built with the fuzzer's instrumentation. Its sources are those of the
// package above (symbolic links).
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "fuzz",
    targets: [
        .target(name: "CLinux", exclude: ["README.md"]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "ProxyConfig", dependencies: ["CYaml", "CRE2"], swiftSettings: strict),
        .target(name: "SharedMemory", dependencies: ["CLinux"], exclude: ["README.md"], swiftSettings: strict),
        .target(
            name: "Stats", dependencies: ["SharedMemory", "CLinux", "CRE2"], exclude: ["README.md"],
            swiftSettings: strict),
        // What is done to an input; the package above replays the corpus with it.
        .target(
            name: "FuzzTargets", dependencies: ["Stats", "SharedMemory", "CLinux", "ProxyConfig"], swiftSettings: strict
        ),
        .executableTarget(
            name: "region-fuzz", dependencies: ["FuzzTargets"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
    ],
    cxxLanguageStandard: .cxx17
)
