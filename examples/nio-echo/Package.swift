// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "nio-echo",
    dependencies: [
        .package(name: "envoyd", path: "../.."),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .executableTarget(
            name: "nio-echo",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "HotRestart", package: "envoyd"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "EchoTests",
            dependencies: ["nio-echo", .product(name: "HotRestart", package: "envoyd")],
            swiftSettings: strict),
    ]
)
