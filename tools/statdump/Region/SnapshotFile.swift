import CLinux
import Glibc
import SharedMemory
import Stats

/// `--save`.
enum SaveCommand {
    static func run(_ reader: RegionReader, _ selection: Selection, to path: String) throws(Failure) {
        let snapshot = StatsSnapshot(reader, withTags: false).filtered(selection.shows)
        let saved = SavedSnapshot(identity: RegionIdentity(reader), timeNs: cl_realtime_ns(), snapshot: snapshot)
        try SnapshotFile.write(saved.json, to: path)
    }
}

enum SnapshotFile {
    /// No file of ours is larger; one that is would only use up memory.
    private static let largest = 1 << 30

    static func read(_ path: String) throws(Failure) -> [UInt8] {
        let fd = cl_open(path, O_RDONLY, 0)
        guard fd >= 0 else { throw Failure("\(path): \(String(cString: strerror(-fd)))") }
        defer { _ = cl_close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let n = cl_read(fd, &buffer, buffer.count)
            guard n >= 0 else { throw Failure("\(path): \(String(cString: strerror(Int32(-n))))") }
            if n == 0 { return bytes }
            bytes += buffer[..<n]
            guard bytes.count <= largest else { throw Failure("\(path): too large for a snapshot") }
        }
    }

    /// Under a name of its own first: what was saved before stays whole until this is.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        var status = cl_file_status()
        let isSpecial = cl_stat(path, &status) == 0 && !cl_is_regular(&status)
        let place = isSpecial ? path : "\(path).new.\(getpid())"
        let fd = cl_open(place, O_WRONLY | O_CREAT | (isSpecial ? 0 : O_TRUNC), 0o644)
        guard fd >= 0 else { throw Failure("\(place): \(String(cString: strerror(-fd)))") }
        do throws(Failure) {
            defer { _ = cl_close(fd) }
            try Output.write(bytes, to: fd, name: place)
        } catch {
            if !isSpecial { unlink(place) }
            throw error
        }
        guard isSpecial || rename(place, path) == 0 else {
            let problem = errno
            unlink(place)
            throw Failure("\(path): \(String(cString: strerror(problem)))")
        }
    }
}
