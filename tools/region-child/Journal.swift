import CLinux
import Glibc

/// What a thread of a `Hammer` says of what it counts, beside the region: in a file that is mapped, so that it outlives the
/// process as the region does.
///
/// A page for each thread, of words: for each step that the thread repeats two of them, how often it was begun and how often
/// it was done. A step that was begun and is not done is the one that the thread was killed in.
struct Journal {
    /// Words of a thread.
    static let words = 512
    private let cells: UnsafeMutablePointer<UInt64>
    /// After so many steps the thread kills its process, when that step is done.
    private var left: UInt64

    init(path: String, thread: Int, stepsToLive: UInt64) {
        let fd = open(path, O_RDWR | O_CLOEXEC)
        let size = Self.words * 8
        guard fd >= 0, let space = cl_reserve(size), cl_map_at(space, size, fd, Int64(thread * size)) == 0 else {
            fail("\(path): cannot be mapped")
        }
        close(fd)
        cells = space.assumingMemoryBound(to: UInt64.self)
        left = stepsToLive
    }

    /// In the order of the program: a process that is killed stops between two instructions, and what it stored stays.
    mutating func step(_ number: Int, _ body: () -> Void) {
        let (begun, done) = (cells + 2 * number, cells + 2 * number + 1)
        cl_store_release(begun, cl_load_relaxed(begun) + 1)
        cl_fence()
        body()
        cl_fence()
        cl_store_release(done, cl_load_relaxed(done) + 1)
        guard left > 0 else { return }
        left -= 1
        guard left == 0 else { return }
        kill(getpid(), SIGKILL)
        while true { pause() }
    }
}
