import FuzzTargets
import Glibc
import Testing

/// Both programs before a region that somebody else wrote: a sentence or a start, never a crash, a hang or an attempt to
/// go on with what cannot be.
@Suite struct HostileRegionTests {
    private static let root = String(#filePath.dropLast("/Tests/Integration/HostileRegionTests.swift".utf8.count))

    private func look(_ bed: Bed, _ name: String, _ arguments: [String]) throws {
        let dump = try bed.output("statdump", ["--base-id", "\(bed.baseID)"] + arguments)
        #expect(dump.ending.isOrderly, "\(name), statdump \(arguments): \(dump.ending)")
        #expect(dump.ending == .exit(0) || !(dump.errors + dump.output).isEmpty, "\(name): not a word")
        let isVisible = (dump.output + dump.errors).utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 10 || $0 == 9 }
        #expect(isVisible, "\(name), statdump \(arguments): control characters")
    }

    /// Serves, or ends with a sentence.
    private func start(_ bed: Bed, _ name: String) throws {
        let proxy = try bed.startProxy(Configuration(1).text)
        try waitUntil("\(name): it serves or ends") { proxy.process.ending != nil || proxy.log.contains(" serves ") }
        if let ending = proxy.process.ending {
            #expect(ending == .exit(1) && proxy.process.errors.contains("envoyd: base id \(bed.baseID): "), "\(name)")
        } else {
            #expect(try proxy.admin("/stats").text.contains("server.uptime: "), "\(name)")
            #expect(try proxy.process.terminate() == .exit(0), "\(name)")
        }
    }

    /// What the fuzzer begins with and has found.
    @Test func theCorpus() throws {
        try withBed { bed in
            let scene = try FuzzScene(leavingAt: bed.baseID)
            let options: [[String]] = [
                [], ["--check"], ["--per-worker"], ["--layout"], ["--format", "json"], ["--since-start"], ["--list"],
            ]
            let inputs = FuzzTarget.attach.corpus(inTree: Self.root)
            #expect(inputs.count > 20)
            for (number, (name, bytes)) in inputs.enumerated() {
                #expect(bytes.withUnsafeBufferPointer(scene.run) == "left", "\(name)")
                try look(bed, name, options[number % options.count])
                if number % 3 == 0 { try start(bed, name) }
            }
        }
    }

    /// Bytes that mean nothing, alone and behind a sound beginning.
    @Test func randomBytes() throws {
        try withBed { bed in
            let scene = try FuzzScene(leavingAt: bed.baseID)
            let path = "/dev/shm/envoyd-\(bed.baseID)"
            for kept in [0, 8, 28, 256, 4096, 53_248, 184_320] {
                // One region; those of an even number are held by nobody and have a predecessor.
                #expect([kept % 16 == 0 ? 1 : 0, 0, 0].withUnsafeBufferPointer(scene.run) == "left")
                let fd = open(path, O_RDWR | O_CLOEXEC)
                defer { close(fd) }
                let size = Int(lseek(fd, 0, SEEK_END))
                let noise = (kept..<size).map { _ in UInt8.random(in: 0...255) }
                #expect(pwrite(fd, noise, noise.count, off_t(kept)) == noise.count)
                for arguments in [[], ["--check"], ["--layout"]] { try look(bed, "behind \(kept)", arguments) }
                try start(bed, "behind \(kept)")
            }
        }
    }

    /// What `envoyd` refuses to touch it leaves as it is, and so does `statdump`.
    @Test func whatIsNoRegionOfOurs() throws {
        try withBed { bed in
            let path = "/dev/shm/envoyd-\(bed.baseID)"
            let elsewhere = bed.path("elsewhere")
            try Files.write(elsewhere, "not to be touched")
            for (name, make) in [
                ("a symbolic link", { symlink(elsewhere, path) }), ("a directory", { mkdir(path, 0o700) }),
                ("a FIFO", { mkfifo(path, 0o600) }), ("another mode", { close(creat(path, 0o644)) }),
                ("nothing in it", { close(creat(path, 0o600)) }),
            ] {
                #expect(make() == 0)
                try look(bed, name, [])
                try look(bed, name, ["--check"])
                let refused = try bed.failingProxy(Configuration(1).text, [])
                #expect(refused.ending == .exit(1), "\(name)")
                #expect(
                    refused.errors.contains("envoyd: base id \(bed.baseID): \(path): "), "\(name): \(refused.errors)")
                var status = stat()
                #expect(lstat(path, &status) == 0, "\(name) is still there")
                #expect(unlink(path) == 0 || rmdir(path) == 0)
            }
            #expect(Files.read(elsewhere) == "not to be touched")
        }
    }
}
