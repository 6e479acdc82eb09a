import Glibc
import Testing

/// Room for descriptors is made before there are threads: to make it later stops whoever needs it for many milliseconds.
@Suite struct DescriptorTableTests {
    @Test func thereIsRoomFromTheStart() throws {
        try withBed { bed in
            let upstream = try bed.upstream()
            let proxy = try bed.proxy(Configuration(upstream.port))
            var limit = rlimit()
            try #require(getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0)
            let expected = min(16384, Int(clamping: limit.rlim_max))
            #expect(try Self.size(proxy) >= expected)
            #expect(try Self.open(proxy) < 200, "and none of them is open")
        }
    }

    /// proc(5), /proc/PID/status.
    private static func size(_ proxy: Proxy) throws -> Int {
        let lines = (Files.read("/proc/\(proxy.process.pid)/status") ?? "").split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("FDSize:") })
        return try #require(line.split(separator: "\t").last.flatMap { Int($0) })
    }

    private static func open(_ proxy: Proxy) throws -> Int {
        let directory = try #require(opendir("/proc/\(proxy.process.pid)/fd"))
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }
}
