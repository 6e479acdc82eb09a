import CLinux
import Glibc
import HotRestart
import ThreadTesting

enum HandOverChild {
    static func run(_ arguments: [String]) -> Never {
        guard arguments.count >= 3 else {
            say("hand-over-child <path> <step or -> <port>…")
            exit(2)
        }
        let stop = arguments[1]
        do throws(ListenerHandOverError) {
            var options = ListenerHandOver.Options()
            options.log = { say("log \($0)") }
            options.step = { if $0 == stop { kill(getpid(), SIGSTOP) } }
            let handOver = try ListenerHandOver(path: arguments[0], options: options)
            var sockets: [Int32] = []
            for port in arguments.dropFirst(2) {
                sockets.append(try handOver.listen("127.0.0.1", port: UInt16(port) ?? 0))
            }
            let all = sockets
            try handOver.serve { duty in
                say("\(duty)")
                if duty == .accept { Thread { answer(all) }.detach() }
            }
            exit(0)
        } catch {
            say("failed \(error)")
            exit(1)
        }
    }

    /// Until the process ends: nobody takes over from it.
    private static func answer(_ sockets: [Int32]) {
        while true {
            var entries = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&entries, nfds_t(entries.count), -1)
            for entry in entries where entry.revents != 0 {
                var peer = cl_address()
                let connection = cl_accept(entry.fd, &peer)
                guard connection >= 0 else { continue }
                let text: [UInt8] = Array("child".utf8)
                _ = cl_send(connection, text, text.count, 0)
                _ = cl_close(connection)
            }
        }
    }

    private static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        _ = cl_write(1, bytes, bytes.count)
    }
}
