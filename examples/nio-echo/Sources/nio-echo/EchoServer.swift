import Dispatch
import Glibc
import HotRestart
import NIOCore
import NIOPosix

/// An echo server that is restarted without a refused or broken connection: start it again with the same
/// `--restart-path`, and the new process takes over the listening socket while the old one finishes its connections.
@main
struct EchoServer {
    static func main() {
        do {
            try run(Flags(CommandLine.arguments.dropFirst()))
        } catch {
            say("\(error)")
            exit(1)
        }
    }

    private static func run(_ flags: Flags) throws {
        // Asks the serving process for its listening socket, if there is one; it goes on serving meanwhile.
        var options = ListenerHandOver.Options()
        options.log = { say($0) }
        options.standbyNs = flags.standbyMs * 1_000_000
        let handOver = try ListenerHandOver(path: flags.restartPath, options: options)
        let socket = try handOver.listen("127.0.0.1", port: flags.port)

        // Everything is made ready, but nothing is accepted: that is the meaning of `autoRead` for a listener.
        let open = DispatchGroup()
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try ServerBootstrap(group: group)
            .serverChannelOption(.autoRead, value: false)
            .serverChannelInitializer { $0.pipeline.addHandler(CountConnections(open)) }
            .childChannelInitializer { $0.pipeline.addHandler(Echo()) }
            .withBoundSocket(socket).wait()
        let name = "epoch \(handOver.epoch)"
        say("\(name) has port \(listener.localAddress?.port ?? 0)")

        let termination = stop(handOver.stopSwitch, on: SIGTERM)
        defer { termination.cancel() }

        // Takes over, serves, hands over to the next one, stands by for it.
        try handOver.serve { duty in
            switch duty {
            case .accept:
                try? listener.setOption(.autoRead, value: true).wait()
                say("\(name) accepts")
            case .pause:
                try? listener.setOption(.autoRead, value: false).wait()
                say("\(name) pauses")
            case .close:
                // A connection that was accepted here and is not set up yet would be dropped with the listener: its event
                // loop does so before it comes to this, and the listener's takes note.
                for loop in group.makeIterator() { try? loop.submit {}.wait() }
                try? listener.eventLoop.submit {}.wait()
                try? listener.close().wait()
                say("\(name) listens no more")
            }
        }

        // What was accepted here is finished here.
        if open.wait(timeout: .now() + .seconds(flags.drainSeconds)) == .timedOut { say("\(name) drops connections") }
        say("\(name) ends")
    }

    private static func stop(_ stopSwitch: StopSwitch, on number: Int32) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { stopSwitch.stop() }
        source.resume()
        return source
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}
