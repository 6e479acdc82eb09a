import Glibc

/// The programs that were built together with these tests.
enum Binaries {
    static func path(_ name: String) throws -> String {
        for directory in directories {
            let path = "\(directory)/\(name)"
            if access(path, X_OK) == 0 { return path }
        }
        throw Failure("\(name) is in none of \(directories)")
    }

    /// The `envoyd` of an earlier release, which `tools/check-releases` names.
    static let previous = getenv("ENVOYD_TEST_PREVIOUS").map { String(cString: $0) }

    /// Where the program that runs the tests lies, or, when that is a tool of the toolchain, the bundle it was given.
    private static let directories: [String] = {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let length = bytes.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        let paths = [String(decoding: bytes[..<max(length, 0)], as: UTF8.self)] + CommandLine.arguments
        return paths.compactMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } }
    }()
}
