// The clients of tools/bench restart, all in one thread:
//
//     restart-bench --http PORT [--tcp PORT] [--idle N] [--busy N] [--streams N] [--upgrades N] [--ping N]
//         [--pause MICROSECONDS] [--tell MICROSECONDS]
//
// Opens N idle keep-alive connections, N that ask again as soon as they are answered or after a pause, and N streams that
// echo N bytes at a time, other bytes each time, and compare them: HTTP upgrades, or with --tcp connections of that port,
// which must lead to the `upstream` of tools/upstream as well; --upgrades are more of the first kind. With --tell each wait of
// a busy client of at least so long is told on standard error, with the time when it began. Then it obeys lines on its
// standard input and answers each with one line of `name=value` pairs:
//
//     mark    what happened since the last mark: longest stall of a busy client and of a stream in microseconds, ...
//     term N  sends SIGTERM to process N, and how long it took to end
//     end     asks once more on each idle connection and on each stream, then reports what is left, and exits
import CLinux
import Glibc

func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = cl_write(descriptor, bytes, bytes.count)
}

func run(_ arguments: ArraySlice<String>) -> Int32 {
    var numbers = [
        "--http": 0, "--tcp": 0, "--idle": 0, "--busy": 64, "--streams": 0, "--upgrades": 0, "--ping": 16, "--pause": 0,
        "--tell": 0,
    ]
    var rest = arguments
    while let option = rest.popFirst() {
        guard numbers[option] != nil, let value = rest.popFirst().flatMap({ Int($0) }), value >= 0 else {
            write(
                "usage: restart-bench --http PORT [--tcp PORT] [--idle N] [--busy N] [--streams N] [--upgrades N] [--ping N] "
                    + "[--pause MICROSECONDS] [--tell MICROSECONDS]\n",
                to: 2)
            return 2
        }
        numbers[option] = value
    }
    var limit = rlimit()
    let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
    if getrlimit(resource, &limit) == 0 {
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }
    Peer.pingBytes = max(numbers["--ping"]!, 1)
    let http = UInt16(truncatingIfNeeded: numbers["--http"]!)
    let tcp = UInt16(truncatingIfNeeded: numbers["--tcp"]!)
    let load = Load(
        http: http, stream: tcp > 0 ? tcp : http, pauseNs: UInt64(numbers["--pause"]!) * 1000,
        tellNs: numbers["--tell"]! > 0 ? UInt64(numbers["--tell"]!) * 1000 : .max)
    guard
        load.open(
            idle: numbers["--idle"]!, busy: numbers["--busy"]!, streams: numbers["--streams"]!,
            upgrades: numbers["--upgrades"]!)
    else { return 1 }
    write("ready\n", to: 1)
    load.obey()
    return 0
}

exit(run(CommandLine.arguments.dropFirst()))
