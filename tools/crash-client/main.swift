// The client of tools/soak crashes: keeps many connections busy with a proxy that is killed again and again, and knows of each
// request whether it was answered:
//
//     crash-client PORT CONNECTIONS
//
// `end` on its standard input: it asks nothing more, waits for the answers under way, and writes
//
//     sent=N acknowledged=N broken=N wrong=N
//
// requests that left it, those answered with a whole 200, those whose connection broke before, and other answers.
import CLinux
import Glibc

struct Connection {
    var descriptor: Int32 = -1
    var waits = false
    var received: [UInt8] = []
}

struct Counts {
    var sent = 0
    var acknowledged = 0
    var broken = 0
    var wrong = 0
}

/// Whether `received` is a whole answer, and whether that is a good one; nil: more is to come.
func verdict(_ received: [UInt8]) -> Bool? {
    let text = String(decoding: received, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n"),
        let length = text.firstRange(of: "content-length: ")
    else { return nil }
    let digits = text[length.upperBound...].prefix { $0.isNumber }
    guard let count = Int(digits) else { return false }
    let body = text[end.upperBound...].utf8.count
    return body < count ? nil : text.hasPrefix("HTTP/1.1 200") && body == count
}

func run(_ port: UInt16, _ connections: Int) -> Counts {
    let request = Array("GET / HTTP/1.1\r\nhost: crash\r\n\r\n".utf8)
    var all = [Connection](repeating: Connection(), count: connections)
    var counts = Counts()
    var deadlineNs: UInt64?
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)

    func drop(_ i: Int) {
        if all[i].waits { counts.broken += 1 }
        _ = cl_close(all[i].descriptor)
        all[i] = Connection()
    }
    func connect(_ i: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", port)
        guard descriptor >= 0, cl_connect(descriptor, &address) == 0 else {
            _ = cl_close(descriptor)
            return
        }
        // No TIME-WAIT: the ports would run out.
        var abort = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
        all[i].descriptor = descriptor
    }
    func ask(_ i: Int) {
        guard cl_send(all[i].descriptor, request, request.count, 0) == request.count else { return drop(i) }
        all[i].waits = true
        counts.sent += 1
    }
    func receive(_ i: Int) {
        let count = cl_recv(all[i].descriptor, &buffer, buffer.count)
        guard count > 0 else { return drop(i) }
        all[i].received += buffer[..<count]
        guard let isGood = verdict(all[i].received) else { return }
        all[i].received = []
        all[i].waits = false
        if isGood {
            counts.acknowledged += 1
        } else {
            counts.wrong += 1
            drop(i)
        }
    }

    while true {
        if let deadlineNs, cl_monotonic_ns() > deadlineNs || !all.contains(where: \.waits) { return counts }
        if deadlineNs == nil {
            for i in all.indices where all[i].descriptor < 0 { connect(i) }
            for i in all.indices where all[i].descriptor >= 0 && !all[i].waits { ask(i) }
        }
        var polled = [pollfd(fd: deadlineNs == nil ? 0 : -1, events: Int16(POLLIN), revents: 0)]
        // A negative descriptor is passed over.
        polled += all.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&polled, nfds_t(polled.count), 2) > 0 else { continue }
        for i in all.indices where polled[i + 1].revents != 0 { receive(i) }
        if polled[0].revents != 0 {
            _ = readLine()
            deadlineNs = cl_monotonic_ns() + 10_000_000_000
        }
    }
}

let numbers = CommandLine.arguments.dropFirst().compactMap { UInt16($0) }
guard numbers.count == 2, CommandLine.arguments.count == 3 else {
    _ = cl_write(2, "usage: crash-client PORT CONNECTIONS\n", 37)
    exit(2)
}
let counts = run(numbers[0], Int(numbers[1]))
print("sent=\(counts.sent) acknowledged=\(counts.acknowledged) broken=\(counts.broken) wrong=\(counts.wrong)")
