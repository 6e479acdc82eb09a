import CLinux
import Glibc
import Testing

/// The shared memory goes away, has no room or is locked for good, under an `envoyd` that serves: requests go on.
@Suite struct RegionFaultTests {
    private static let total = "http.ingress_http.downstream_rq_total"

    private func configuration(_ bed: Bed) throws -> Configuration {
        var configuration = Configuration(try bed.upstream().port)
        // What is told once is told soon, and would be told again.
        configuration.top = ["stats_flush_interval: 0.05s"]
        return configuration
    }

    /// To nothing, and to a region without a segment.
    @Test(arguments: [0, 217_088])
    func theFileIsCutShort(size: Int) throws {
        try withBed { bed in
            let proxy = try bed.proxy(try configuration(bed))
            let client = try proxy.client()
            #expect(try client.get("/").status == 200)
            #expect(truncate("/dev/shm/envoyd-\(bed.baseID)", off_t(size)) == 0)
            for status in [200, 404, 503, 418] { #expect(try client.get("/status/\(status)").status == status) }
            try waitUntil("it says so") { proxy.log.contains("pages of it are in this process only") }
            let before = try #require(try proxy.stats(Self.total)[Self.total])
            for _ in 0..<5 { #expect(try client.get("/").status == 200) }
            #expect(try proxy.stats(Self.total)[Self.total] == before + 5, "it shows what its own threads count")
            #expect(proxy.log.count(of: "pages of it are in this process only") == 1)
            for arguments in [[], ["--check"], ["--layout"], ["--list"], ["--per-worker"]] {
                let dump = try bed.output("statdump", ["--base-id", "\(bed.baseID)"] + arguments)
                #expect(dump.ending.isOrderly, "\(arguments): \(dump.ending)")
            }
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    /// As by a process that was stopped inside: nobody waits for it but the main thread, and that not for long. Those who
    /// look need no lock, and leave no trace.
    @Test func theMutexIsNotGivenBack() throws {
        try withBed { bed in
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let proxy = try bed.proxy(try configuration(bed), flags)
            let client = try proxy.client()
            for status in [200, 404] { _ = try client.get("/status/\(status)") }
            let port = try proxy.port
            let lock = try RegionLock(bed)
            // 418 has no cells yet; the others have.
            for status in [200, 404, 418, 200] { #expect(try client.get("/status/\(status)").status == status) }
            let rare = "cluster.service.upstream_rq_418"
            try waitUntil("it is counted") { try proxy.stats()[rare] == 1 }
            #expect(try proxy.stats()["stats.overflow"] ?? 0 > 0)
            let complaint = "/dev/shm/envoyd-\(bed.baseID): locked by process "
            #expect(proxy.log.count(of: complaint) == 1 && proxy.log.contains(" for too long: "))

            let files = Files.names(in: "/dev/shm").filter { $0.hasPrefix("envoyd-\(bed.baseID)") }.sorted()
            for arguments in [
                [], ["--format", "json"], ["--format", "prometheus"], ["--check"], ["--layout"], ["--list"],
                ["--per-process"], ["--per-worker"], ["--since-start"], ["--save", bed.path("saved")],
            ] {
                let dump = try bed.output("statdump", ["--base-id", "\(bed.baseID)"] + arguments)
                #expect(dump.ending == .exit(0) && dump.errors.isEmpty, "\(arguments): \(dump.errors)")
            }
            #expect(Files.names(in: "/dev/shm").filter { $0.hasPrefix("envoyd-\(bed.baseID)") }.sorted() == files)
            // Nobody can begin to serve, for that takes the mutex: a restart fails in time, and this one goes on.
            let failed = try bed.startProxy(try configuration(bed).text, flags)
            #expect(try failed.process.waitForEnd() != .exit(0) && failed.log.contains(" for too long"))
            #expect(try Client(port: port).get("/").status == 200)
            lock.giveBack()
            let next = try bed.proxy(try configuration(bed), flags)
            #expect(try next.client().get("/").status == 200)
            #expect(try next.process.terminate() == .exit(0))
        }
    }

    /// `statdump` has the region mapped without a right to write, and no descriptor of it that has one.
    @Test func whoLooksCannotWrite() throws {
        try withBed { bed in
            let proxy = try bed.proxy(try configuration(bed))
            // It waits, with the region open, for somebody who wants what it saves.
            let fifo = bed.path("fifo")
            #expect(mkfifo(fifo, 0o600) == 0)
            let dump = try bed.run(Binaries.path("statdump"), ["--base-id", "\(bed.baseID)", "--save", fifo])
            let region = "/dev/shm/envoyd-\(bed.baseID)"
            let mapped = try waitFor("it has mapped the region") {
                let lines = Files.read("/proc/\(dump.pid)/maps")?.split(separator: "\n").filter { $0.contains(region) }
                return lines?.isEmpty == false ? lines : nil
            }
            for line in mapped { #expect(line.split(separator: " ")[1] == "r--s", "\(line)") }
            for number in Files.names(in: "/proc/\(dump.pid)/fd") {
                var target = [UInt8](repeating: 0, count: 256)
                let length = target.withUnsafeMutableBytes {
                    readlink("/proc/\(dump.pid)/fd/\(number)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), 256)
                }
                let name = String(decoding: target.prefix(max(length, 0)), as: UTF8.self)
                guard name.hasPrefix(region) else { continue }
                let flags = Files.read("/proc/\(dump.pid)/fdinfo/\(number)") ?? ""
                let open = flags.split(separator: "\n").first { $0.hasPrefix("flags:") }
                #expect(open?.last == "0", "\(name), octal \(open ?? "")")
            }
            #expect(Files.read(fifo)?.contains("\"server.uptime\"") == true)
            #expect(try dump.waitForEnd() == .exit(0))
            withExtendedLifetime(proxy) {}
        }
    }

    private static let canMount: Bool = {
        let command = "unshare -m sh -c 'mount -t tmpfs -o size=1m none /dev/shm' 2>/dev/null"
        return geteuid() == 0 && system(command) == 0
    }()

    private func inMemory(of size: String, _ bed: Bed, _ configuration: Configuration) throws -> Proxy {
        let admin = bed.freshPath("admin")
        let mount = "mount -t tmpfs -o size=\(size) none /dev/shm && exec \"$0\" \"$@\""
        let process = try bed.run(
            "/usr/bin/env",
            ["unshare", "-m", "sh", "-c", mount, try Binaries.path("envoyd")]
                + ["-c", try bed.file("yaml", configuration.text), "--admin-address-path", admin]
                + ["--base-id", "\(bed.baseID)", "--concurrency", "2"])
        return Proxy(process: process, adminPath: admin)
    }

    /// A /dev/shm with room for the beginning of a region: what finds none is on the heap, counted and told once.
    @Test(.enabled(if: canMount, "a tmpfs can only be mounted by root"), arguments: ["216k", "250k"])
    func aTinyFileSystem(size: String) throws {
        try withBed { bed in
            let proxy = try inMemory(of: size, bed, try configuration(bed))
            try bed.waitUntilServing(proxy)
            let client = try proxy.client()
            for status in [200, 404, 418] { #expect(try client.get("/status/\(status)").status == status) }
            let rare = "cluster.service.upstream_rq_418"
            try waitUntil("it is counted") { try proxy.stats()[rare] == 1 }
            let stats = try proxy.stats()
            #expect(stats[Self.total] == 3 && stats["stats.overflow"] ?? 0 > 0)
            let told = proxy.log.split(separator: "\n").filter { $0.contains("no shared memory is left") }
            #expect(told.count == 1, "once, whatever found no room: \(told)")
            #expect(try proxy.process.terminate() == .exit(0))
        }
    }

    /// No room for a region at all: a sentence that says what to do, not a start without one.
    @Test(.enabled(if: canMount, "a tmpfs can only be mounted by root"))
    func noRoomForARegion() throws {
        try withBed { bed in
            let proxy = try inMemory(of: "100k", bed, try configuration(bed))
            #expect(try proxy.process.waitForEnd() == .exit(1))
            #expect(proxy.log.contains("no shared memory is left"))
            #expect(proxy.log.contains("--disable-hot-restart"))
        }
    }
}

/// The mutex of a bed's region, held until it is given back.
private final class RegionLock {
    private let mutex: UnsafeMutablePointer<UInt64>

    init(_ bed: Bed) throws {
        let fd = open("/dev/shm/envoyd-\(bed.baseID)", O_RDWR | O_CLOEXEC)
        defer { close(fd) }
        let page = Int(CL_REGION_PAGE)
        // Until the end of this process: the C library may look at a robust mutex once more.
        guard let space = cl_reserve(page), fd >= 0, cl_map_at(space, page, fd, 0) == 0 else {
            throw Failure.system("mmap")
        }
        mutex = cl_region_mutex(space.assumingMemoryBound(to: cl_region.self))
        guard cl_mutex_lock(mutex, 10_000) == 0 else { throw Failure("the mutex is not free") }
    }

    func giveBack() { _ = cl_mutex_unlock(mutex) }

    // The thread of a test may be another one afterwards: it lives on, and so would the lock.
    deinit { _ = cl_mutex_unlock(mutex) }
}

extension Program.Ending {
    /// Ended by itself, whatever it found.
    var isOrderly: Bool {
        if case .exit(let code) = self { return (0...3).contains(code) }
        return false
    }
}

extension String {
    fileprivate func count(of part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
