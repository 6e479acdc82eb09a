// A client of tools/soak gaps that makes a new connection for each request, to each of the ports in turn, and tries again
// whatever happens:
//
//     gap-client PORT...
//
// It obeys lines on its standard input and answers each with one line of `name=value` pairs:
//
//     mark    the longest time between two answers of one port since the last mark, in microseconds; answers; attempts
//             that were refused or cut off
//     end     the same, and exits
import CLinux
import Glibc

struct Listener {
    let port: UInt16
    var lastAnswerNs = cl_monotonic_ns()
    var longestNs: UInt64 = 0
    var answers = 0
    var turnedAway = 0

    init(port: UInt16) { self.port = port }

    /// One connection, one request, one answer; with a deadline that is far beyond any limit of a hand-over.
    mutating func ask() {
        guard answered() else {
            turnedAway += 1
            return
        }
        let now = cl_monotonic_ns()
        longestNs = max(longestNs, now - lastAnswerNs)
        lastAnswerNs = now
        answers += 1
    }

    private func answered() -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { _ = cl_close(descriptor) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        // No TIME-WAIT: the ports would run out.
        var abort = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", port)
        guard cl_connect(descriptor, &address) == 0 else { return false }
        let request = Array("GET /direct HTTP/1.1\r\nhost: gap\r\n\r\n".utf8)
        guard cl_send(descriptor, request, request.count, 0) == request.count else { return false }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = cl_recv(descriptor, &buffer, buffer.count)
        return count > 12 && buffer[9..<12].elementsEqual("200".utf8)
    }

    /// What there is to tell, and from here on anew.
    mutating func report() -> (longestNs: UInt64, answers: Int, turnedAway: Int) {
        // Who waits right now may have waited for long.
        defer { (longestNs, answers, turnedAway) = (0, 0, 0) }
        return (max(longestNs, cl_monotonic_ns() - lastAnswerNs), answers, turnedAway)
    }
}

func run(_ ports: [UInt16]) {
    var listeners = ports.map { Listener(port: $0) }
    while true {
        for i in listeners.indices { listeners[i].ask() }
        var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        guard poll(&input, 1, 1) > 0 else { continue }
        let line = readLine()
        let reports = listeners.indices.map { listeners[$0].report() }
        let text =
            "longest_us=\(reports.map { $0.longestNs / 1000 }.max() ?? 0) "
            + "answers=\(reports.reduce(0) { $0 + $1.answers }) "
            + "turned_away=\(reports.reduce(0) { $0 + $1.turnedAway })\n"
        let bytes = Array(text.utf8)
        _ = cl_write(1, bytes, bytes.count)
        guard line == "mark" else { return }
    }
}

let ports = CommandLine.arguments.dropFirst().compactMap { UInt16($0) }
guard !ports.isEmpty, ports.count == CommandLine.arguments.count - 1 else {
    _ = cl_write(2, "usage: gap-client PORT...\n", 26)
    exit(2)
}
run(ports)
