import CLinux
import Glibc
import SharedMemory
import Stats

/// Why there is nothing to show: one sentence and the exit status.
struct Failure: Error {
    var text: String
    var status: Int32

    init(_ text: String, status: Int32 = 1) {
        self.text = text
        self.status = status
    }
}

/// Standard output and error.
enum Output {
    static func complain(_ text: String) {
        let line = Array("statdump: \(text.visible)\n".utf8)
        _ = Glibc.write(2, line, line.count)
    }

    static func write(_ text: String) throws(Failure) { try write(Array(text.utf8)) }

    static func write(_ bytes: [UInt8], to descriptor: Int32 = 1, name: String = "standard output") throws(Failure) {
        // withUnsafeBytes has no typed throws.
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(Failure) in try write(bytes, to: descriptor, name: name) }
        }
        try result.get()
    }

    /// All of it, or an error: a closed pipe is no reason for a message.
    static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32 = 1, name: String = "standard output"
    ) throws(Failure) {
        cl_ignore_signal(SIGPIPE)
        var at = 0
        while at < bytes.count {
            let n = Glibc.write(descriptor, bytes.baseAddress! + at, bytes.count - at)
            if n < 0 && errno == EINTR { continue }
            if n < 0 && errno == EAGAIN {
                // Somebody made the terminal's descriptor non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
                continue
            }
            guard n > 0 else {
                if errno == EPIPE { throw Failure("", status: 0) }
                throw Failure("\(name): \(String(cString: strerror(errno)))")
            }
            at += n
        }
    }

    static func end() -> Never { exit(0) }
}

/// Opening a region, with what a person should know when there is none.
enum Source {
    static func reader(_ baseID: UInt32) throws(Failure) -> RegionReader {
        do { return try RegionReader(baseID: baseID) } catch { throw failure(error, baseID) }
    }

    static func failure(_ error: RegionError, _ baseID: UInt32) -> Failure {
        guard case .missing = error else { return Failure("\(error)") }
        let ids = RegionName.existing().map(String.init)
        return Failure(
            "no stats for base id \(baseID); "
                + (ids.isEmpty ? "there is no region of any base id" : "there are: \(ids.joined(separator: ", "))"),
            status: 2)
    }
}
