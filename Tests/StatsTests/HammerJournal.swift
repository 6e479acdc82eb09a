import CLinux
import Glibc
import RegionTesting
import SharedMemory

@testable import Stats

/// The journals of a process that a test kills (`tools/region-child/Journal.swift`), as the test reads them.
final class HammerJournal {
    /// How often a step was begun and done; the two differ by one where the thread was killed inside.
    struct Step: Equatable {
        var begun: UInt64
        var done: UInt64
    }

    static let ending = "journal"
    private let path: String
    private let threads: Int

    /// Of zeros: one for each process.
    init(_ scratch: Scratch, threads: Int) throws {
        path = "\(scratch.path).\(Self.ending)"
        self.threads = threads
        let fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(fd) }
        guard fd >= 0, ftruncate(fd, off_t(threads * 4096)) == 0 else {
            throw RegionError.system(call: "open", path: path, code: errno)
        }
    }

    /// By thread.
    func steps(_ count: Int) -> [[Step]] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(fd) }
        return (0..<threads).map { thread in
            var words = [UInt64](repeating: 0, count: count * 2)
            let got = pread(fd, &words, words.count * 8, off_t(thread * 4096))
            precondition(got == words.count * 8, "the journal has a page for each thread")
            return (0..<count).map { Step(begun: words[2 * $0], done: words[2 * $0 + 1]) }
        }
    }
}

/// What the planes of the dead say of the stats that a `Hammer` counts in.
struct DeadPlanes {
    struct Plane: Equatable {
        var counters: [UInt64] = []
        var count: UInt64 = 0
        var sum: UInt64 = 0
        /// How often each thread number had this plane.
        var threads: [UInt64] = []

        /// What came since `earlier`.
        func since(_ earlier: Plane?) -> Plane {
            guard let earlier else { return self }
            return Plane(
                counters: zip(counters, earlier.counters).map { $0 &- $1 }, count: count &- earlier.count,
                sum: sum &- earlier.sum, threads: zip(threads, earlier.threads).map { $0 &- $1 })
        }

        var isZero: Bool { sum == 0 && count == 0 && (counters + threads).allSatisfy { $0 == 0 } }
    }

    /// By plane number.
    private(set) var planes: [Int: Plane] = [:]

    init(_ reader: RegionReader, names: Int, threads: Int) {
        let sums = PlaneSums(reader, valueCount: Int(reader.header.value_count))
        var places: [StatKey: Int] = [:]
        for record in NameRecord.all(reader, withTags: false) { places[record.key] = Int(record.value) }
        for index in 0..<reader.planeCount where reader.liveOwner(plane: index) == nil {
            func cell(_ name: String) -> UInt64 {
                places[StatKey(name: name, kind: .counter)].map { sums.cell($0, plane: index) } ?? 0
            }
            let all = places[StatKey(name: "hammer.all", kind: .histogram)].map { sums.histogram($0, only: index) }
            planes[index] = Plane(
                counters: (0..<names).map { cell("hammer.\($0)") }, count: all?.count ?? 0, sum: all?.sum ?? 0,
                threads: (0..<threads).map { cell("thread.\($0)") })
        }
    }

    /// What came since `earlier`, of those planes where something did.
    func gains(since earlier: DeadPlanes) -> [Plane] {
        planes.map { $0.value.since(earlier.planes[$0.key]) }.filter { !$0.isZero }
    }
}
