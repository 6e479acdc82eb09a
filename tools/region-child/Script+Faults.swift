import CLinux
import Glibc
import SharedMemory
import Stats

// What only a test does to a region, and loops that go on until standard input ends.

extension Script {
    /// SIGKILL, as somebody else would send it: nothing of this process runs after it.
    func die(at name: String, time: Int) {
        guard let point = FaultPoint(rawValue: name) else { fail("\(name): no such fault point") }
        nonisolated(unsafe) var left = time
        Fault.hook = { reached in
            guard reached == point else { return }
            left -= 1
            guard left == 0 else { return }
            kill(getpid(), SIGKILL)
            while true { pause() }
        }
    }

    /// A program that knows nothing of robust mutexes: unlocks without having made it consistent.
    func wreckMutex() {
        let fd = open(RegionName.path(baseID: baseID), O_RDWR | O_CLOEXEC)
        guard fd >= 0, let space = cl_reserve(Int(CL_REGION_PAGE)),
            cl_map_at(space, Int(CL_REGION_PAGE), fd, 0) == 0
        else { fail("cannot map the header") }
        let mutex = cl_region_mutex(space.assumingMemoryBound(to: cl_region.self))
        let code = cl_mutex_lock(mutex, 1000)
        guard code == -EOWNERDEAD else { fail("its owner is not dead: \(code)") }
        _ = cl_mutex_unlock(mutex)
        say("wrecked")
    }

    /// Every text is one letter, repeated as often as there are letters before it: a mixture of two shows.
    func writeTexts(_ readout: TextReadout) {
        let texts = (0..<26).map { String(repeating: Character(UnicodeScalar(97 + UInt8($0))), count: 1 + 4 * $0) }
        readout.set(texts[0])
        say("writing")
        var next = 0
        while !inputEnded() {
            for _ in 0..<1000 {
                readout.set(texts[next])
                next = (next + 1) % texts.count
            }
        }
    }

    func tick(_ counter: Counter) {
        var total = 0
        counter.increment()
        total += 1
        say("ticking")
        while !inputEnded() {
            for _ in 0..<100 { counter.increment() }
            total += 100
        }
        say("total \(total)")
    }
}

extension Script {
    /// The file as text: `region <bytes>`, then for each 32 bytes that are not all zeros their offset and what they are,
    /// hexadecimal.
    func dumpRegion() {
        let fd = open(RegionName.path(baseID: baseID), O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { fail("no region to dump") }
        defer { close(fd) }
        say("region \(lseek(fd, 0, SEEK_END))")
        var line = [UInt8](repeating: 0, count: 32)
        var offset = 0
        while pread(fd, &line, line.count, off_t(offset)) == line.count {
            if line.contains(where: { $0 != 0 }) {
                say(hex(UInt64(offset), digits: 8) + " " + line.map { hex(UInt64($0), digits: 2) }.joined())
            }
            offset += line.count
        }
    }

    private func hex(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(digits - text.count, 0)) + text
    }
}

/// Whether standard input has ended; does not wait.
func inputEnded() -> Bool {
    var poll = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&poll, 1, 0) > 0
}
