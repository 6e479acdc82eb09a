import CLinux
import Glibc
import Stats

/// A StatsD server that gets datagrams. What nobody receives is lost, as with Envoy; nobody waits for it.
final class DatagramSink: StatsdSink {
    let format: StatsdFormat
    private let address: cl_address
    /// nil: a line each.
    private let maxBytes: Int?
    private var descriptor: Int32 = -1
    private var bytes: [UInt8] = []
    /// Where datagrams end.
    private var ends: [Int] = []

    /// How long the kernel may be without room.
    private static let waitMs: Int32 = 200

    init(_ address: cl_address, format: StatsdFormat, maxBytes: Int?) {
        self.address = address
        self.format = format
        self.maxBytes = maxBytes
    }

    deinit { if descriptor >= 0 { _ = cl_close(descriptor) } }

    func add(_ line: UnsafeRawBufferPointer) {
        if let maxBytes, let last = ends.last {
            let start = ends.count > 1 ? ends[ends.count - 2] : 0
            if last - start + 1 + line.count <= maxBytes {
                bytes.append(UInt8(ascii: "\n"))
                bytes.append(contentsOf: line)
                ends[ends.count - 1] = bytes.count
                return
            }
        }
        bytes.append(contentsOf: line)
        ends.append(bytes.count)
    }

    func send() -> Bool {
        defer {
            bytes.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
        }
        guard open() else { return false }
        var start = 0
        for end in ends {
            guard send(start..<end) else { return start > 0 }
            start = end
        }
        return true
    }

    private func open() -> Bool {
        if descriptor >= 0 { return true }
        var address = address
        let made = cl_socket(cl_family(&address), Int32(SOCK_DGRAM.rawValue), 0)
        guard made >= 0 else { return false }
        // Connected, so that each datagram costs no look-up of its way.
        guard cl_connect(made, &address) == 0 else {
            _ = cl_close(made)
            return false
        }
        descriptor = made
        return true
    }

    /// Whether the kernel has it.
    private func send(_ range: Range<Int>) -> Bool {
        var refusals = 0
        while true {
            let sent = bytes.withUnsafeBytes { cl_send(descriptor, $0.baseAddress! + range.lowerBound, range.count, 0) }
            if sent >= 0 { return true }
            switch Int32(-sent) {
            case EAGAIN, ENOBUFS:
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard poll(&entry, 1, Self.waitMs) == 1 else { return false }
            case ECONNREFUSED where refusals < 2:
                // That was said of one before: nobody has received it.
                refusals += 1
            // It never can be sent: what comes behind it must not wait for it.
            case EMSGSIZE: return true
            default:
                // The next time begins anew: a Unix socket may have been bound again.
                _ = cl_close(descriptor)
                descriptor = -1
                return false
            }
        }
    }
}
