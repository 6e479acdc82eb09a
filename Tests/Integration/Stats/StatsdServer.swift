import CLinux
import Glibc

/// A StatsD server of the test itself: datagrams on a port of the loopback interface.
final class StatsdServer {
    let port: UInt16
    private let descriptor: Int32
    /// Every datagram, as it came.
    private(set) var datagrams: [String] = []

    init() throws {
        descriptor = cl_socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = cl_address()
        _ = cl_address_ip(&address, "127.0.0.1", 0)
        _ = cl_set_int(descriptor, SOL_SOCKET, SO_RCVBUF, 8 << 20)
        guard cl_bind(descriptor, &address) == 0, cl_local_address(descriptor, &address) == 0 else {
            throw Failure.system("a socket for datagrams")
        }
        port = cl_address_port(&address)
    }

    deinit { _ = cl_close(descriptor) }

    /// Takes what has come.
    func receive() {
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
            while true {
                let count = cl_recv(descriptor, buffer.baseAddress!, buffer.count)
                guard count >= 0 else { return }
                datagrams.append(String(decoding: buffer[..<count], as: UTF8.self))
            }
        }
    }

    /// All that came of a counter, in all.
    ///
    /// - Parameter suffix: its tags.
    func total(_ name: String, _ suffix: String = "") -> UInt64 {
        receive()
        return lines.reduce(0) { sum, line in
            guard line.hasPrefix("\(name):"), line.hasSuffix("|c\(suffix)") else { return sum }
            return sum + (UInt64(line.dropFirst(name.utf8.count + 1).prefix { $0 != "|" }) ?? 0)
        }
    }

    /// How many values of a histogram came, in all.
    func values(_ name: String) -> Int {
        receive()
        return lines.reduce(0) { sum, line in
            guard line.hasPrefix("\(name):"), line.contains("|ms") else { return sum }
            guard let rate = line.split(separator: "@").dropFirst().first, let share = Double(rate) else {
                return sum + 1
            }
            return sum + Int(1 / share)
        }
    }

    /// What a gauge was last.
    func gauge(_ name: String) -> UInt64? {
        receive()
        return lines.last { $0.hasPrefix("\(name):") && $0.contains("|g") }
            .flatMap { UInt64($0.dropFirst(name.utf8.count + 1).prefix { $0 != "|" }) }
    }

    var lines: [Substring] { datagrams.flatMap { $0.split(separator: "\n") } }
}
