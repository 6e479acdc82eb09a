import CLinux
import Glibc
import Testing
import ThreadTesting

/// The region's mutex breaks for good while a process serves: the next hot restart counts in a region beside its own.
@Suite struct BrokenMutexTests {
    /// A thread that ends with the mutex held is a dead owner; taken from it and given back unrepaired, it is broken.
    private func breakMutex(_ bed: Bed) throws {
        let fd = open("/dev/shm/envoyd-\(bed.baseID)", O_RDWR | O_CLOEXEC)
        defer { close(fd) }
        let page = Int(CL_REGION_PAGE)
        let space = try #require(cl_reserve(page))
        // Until the end of this process: the C library may look at a robust mutex once more.
        try #require(fd >= 0 && cl_map_at(space, page, fd, 0) == 0)
        nonisolated(unsafe) let header = space.assumingMemoryBound(to: cl_region.self)
        Thread { _ = cl_mutex_lock(cl_region_mutex(header), 1000) }.join()
        try #require(cl_mutex_lock(cl_region_mutex(header), 1000) == -EOWNERDEAD)
        try #require(cl_mutex_unlock(cl_region_mutex(header)) == 0)
        try #require(cl_mutex_lock(cl_region_mutex(header), 0) == -ENOTRECOVERABLE)
    }

    @Test func aHotRestartGoesOnBesideIt() throws {
        try withBed { bed in
            let total = "http.ingress_http.downstream_rq_total"
            let (v1, v2) = (try bed.upstream("v1"), try bed.upstream("v2"))
            let flags = ["--hot-restart-file", bed.path("restart.sock")]
            let first = try bed.proxy(Configuration(v1.port), flags)
            let port = try first.port
            for _ in 0..<3 { _ = try Client(port: port).get("/") }
            try breakMutex(bed)

            let second = try bed.proxy(Configuration(v2.port), flags)
            #expect(
                second.log.contains(
                    "stats of base id \(bed.baseID) continue in a region beside the one in use: "
                        + "its mutex cannot be recovered"))
            for _ in 0..<4 { #expect(try Client(port: port).get("/").text == v2.hello) }
            #expect(try bed.statdump()[total] == 7)
            #expect(try second.stats()[total] == 7)
            #expect(try bed.statdump()["server.hot_restart_epoch"] == 1)
            let list = try bed.output("statdump", ["--list"]).output.split(separator: "\n")
            let line = try #require(list.first { $0.hasPrefix("\(bed.baseID)\t") })
            #expect(line.contains("\tgeneration 2 and 1\t") && line.contains("pid \(first.process.pid) epoch 0"))
            let check = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--check"])
            #expect(check.ending == .exit(0) && check.output.isEmpty)
            let layout = try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--layout"]).output
            #expect(layout.contains("2, generation 1 counts as well") && layout.contains("envoyd-\(bed.baseID).old"))
            #expect(try bed.output("statdump", ["--base-id", "\(bed.baseID)", "--remove"]).ending == .exit(1))

            // Its standby, which is in the old region, serves again.
            try second.process.kill9()
            try waitUntil("the standby answers") { (try? Client(port: port).get("/").text) == v1.hello }
            // What was asked meanwhile may have found a connection that nobody answered.
            let served = try #require(try bed.statdump()[total])
            #expect(served >= 8)
            #expect(try bed.statdump()["server.hot_restart_epoch"] == 0)
            // Another one is refused, and the next one takes over from it.
            let other = try bed.failingProxy(Configuration(v2.port).text, [])
            #expect(other.ending == .exit(1))
            #expect(other.errors.contains("base id \(bed.baseID) is in use by pid \(first.process.pid)"))
            let third = try bed.proxy(Configuration(v2.port), flags)
            #expect(try Client(port: port).get("/").text == v2.hello)
            #expect(try bed.statdump()[total] == served + 1)

            // A cold start takes over what it counted.
            #expect(try first.process.terminate() == .exit(0))
            #expect(try third.process.terminate() == .exit(0))
            #expect(try bed.statdump()[total] == served + 1)
            let cold = try bed.proxy(Configuration(v1.port), flags)
            #expect(cold.log.contains("nobody counts in generation 1 any more, which goes into the new one"))
            #expect(try bed.statdump()[total] == served + 1)
            #expect(!Files.exists("/dev/shm/envoyd-\(bed.baseID).old"))
            withExtendedLifetime(cold) {}
        }
    }
}
