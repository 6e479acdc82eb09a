// A small HTTP/1.1 server for tools/run and the integration tests:
//
//     upstream --port N [--name TEXT] [--count-file PATH]
//
// Port 0 takes a free one. Prints `listening on 127.0.0.1:PORT` once it accepts connections; SIGTERM ends it with 0.
// Any path answers 200 with `hello from NAME`; these do more:
//
//     /status/CODE   that status                     /bytes/N    N bytes with content-length
//     /chunked/N     N bytes in chunks               /slow/MS    answers after MS milliseconds
//     /echo          the request body back           /headers    the request head back
//     /close         closes after the response       /reset      RST instead of a response
//     /hang          never answers                   /count      requests seen so far, /count left out
//     /upgrade       101, then echoes bytes; so does any request with `Upgrade: websocket`
//     /health        what `/set/health/CODE` said last: that status, 0: never an answer, 1: something that is not HTTP,
//                    2: 200 with `x-envoy-degraded`
//     /checks        requests for /health so far         /unwell     200, with `x-envoy-immediate-health-check-fail`
//     /set/status/CODE   ordinary answers (`hello`) have this status from now on
// `/count` leaves out /health, /checks and /set.
import CLinux
import Glibc

func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    _ = cl_write(descriptor, bytes, bytes.count)
}

func serve(_ arguments: ArraySlice<String>) -> Int32 {
    var port: UInt16?
    var name = "upstream"
    var countFile: String?
    var rest = arguments
    while let option = rest.popFirst() {
        guard let value = rest.popFirst() else { return usage() }
        switch option {
        case "--port":
            guard let number = UInt16(value) else { return usage() }
            port = number
        case "--name": name = value
        case "--count-file": countFile = value
        default: return usage()
        }
    }
    guard let port else { return usage() }
    do {
        let server = try Server(port: port, name: name, countFile: countFile)
        write("listening on 127.0.0.1:\(server.port)\n", to: 1)
        server.run()
        return 0
    } catch let failure as Server.Failure {
        write("upstream: \(failure.call): \(String(cString: strerror(failure.code)))\n", to: 2)
    } catch {
        write("upstream: \(error)\n", to: 2)
    }
    return 1
}

func usage() -> Int32 {
    write("usage: upstream --port N [--name TEXT] [--count-file PATH]\n", to: 2)
    return 2
}

exit(serve(CommandLine.arguments.dropFirst()))
