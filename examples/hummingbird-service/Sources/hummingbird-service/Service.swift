import Glibc
import Hummingbird
import Metrics
import StatsMetrics

/// A small HTTP service whose counts survive it: `hummingbird-service [base id [port]]`.
///
///     GET /           hello
///     GET /slow       the same after 20 ms
@main
struct Service {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let baseID = UInt32(arguments.first ?? "7"),
            let port = UInt16(arguments.dropFirst().first ?? "8080")
        else {
            print("usage: hummingbird-service [base id [port]]")
            exit(64)
        }

        // This line is all there is to it. What is wrong with the region is no reason not to serve.
        do {
            try StatsMetricsFactory.bootstrap(baseID: baseID)
        } catch {
            print("metrics are not kept: \(error)")
        }

        let router = Router()
        // Hummingbird's own: hb.requests, hb.request.errors, http.server.request.duration, http.server.active_requests.
        router.middlewares.add(MetricsMiddleware())
        let greetings = Counter(label: "greetings")
        let time = Timer(label: "greeting.time")
        router.get("/") { _, _ in
            Timer.measure(label: "greeting.time") {
                greetings.increment()
                return "hello\n"
            }
        }
        router.get("/slow") { _, _ in
            let begin = ContinuousClock.now
            try await Task.sleep(for: .milliseconds(20))
            greetings.increment()
            time.record(duration: ContinuousClock.now - begin)
            return "hello, at last\n"
        }
        let service = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: Int(port)), serverName: "hummingbird-service"),
            onServerRunning: { channel in
                print("base id \(baseID), port \(channel.localAddress?.port ?? Int(port))")
                fflush(nil)
            })
        try await service.runService()
    }
}
