import Glibc

/// `--port N --restart-path PATH`, and for how long a process stands by and drains.
struct Flags {
    var port: UInt16 = 7007
    var restartPath = "nio-echo.restart"
    var standbyMs: UInt64 = 10_000
    var drainSeconds = 30

    init(_ arguments: some Sequence<String>) {
        var rest = arguments.makeIterator()
        while let flag = rest.next() {
            guard let value = rest.next(), set(flag, value) else {
                let usage = "usage: nio-echo [--port N] [--restart-path PATH] [--standby-ms N] [--drain-seconds N]\n"
                _ = write(2, usage, usage.utf8.count)
                exit(64)
            }
        }
    }

    private mutating func set(_ flag: String, _ value: String) -> Bool {
        if flag == "--restart-path" {
            restartPath = value
            return true
        }
        guard let number = UInt32(value) else { return false }
        switch flag {
        case "--port":
            guard number <= UInt16.max else { return false }
            port = UInt16(number)
        case "--standby-ms": standbyMs = UInt64(number)
        case "--drain-seconds": drainSeconds = Int(number)
        default: return false
        }
        return true
    }
}
