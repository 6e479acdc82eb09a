import ArgumentParser
import Glibc
import Proxy
import Stats

/// The command line: Envoy's flags, turned into `ServerOptions`.
@main
struct Envoyd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "envoyd",
        abstract: "An Envoy-compatible L4/L7 proxy whose restarts nobody notices.",
        discussion: """
            Reads an ordinary Envoy v3 bootstrap. Started beside a running envoyd with the same --base-id and \
            --hot-restart-file, it takes over that one's listening sockets and live connections; stats go on counting in shared memory.

            EXAMPLES
              envoyd -c envoy.yaml --mode validate
              envoyd -c envoy.yaml --base-id 1 --hot-restart-file /run/envoyd.sock
              envoyd -c new.yaml   --base-id 1 --hot-restart-file /run/envoyd.sock
              statdump --base-id 1

            SIGNALS
              SIGTERM, SIGINT  finish what is in progress (at most --drain-time-s), then exit 0; again: exit at once
              SIGUSR1          reopen the log and access log files
              SIGHUP           ignored

            EXIT STATUS
              0 stopped as told, or the configuration is valid; 1 it cannot start, or a flag is wrong.
            """,
        version: "envoyd \(ProductVersion.text)")

    @OptionGroup(title: "Configuration") var config: ConfigFlags
    @OptionGroup(title: "Hot restart") var hotRestart: HotRestartFlags
    @OptionGroup(title: "Drain") var drain: DrainFlags
    @OptionGroup(title: "Service") var service: ServiceFlags
    @OptionGroup(title: "Logging") var logging: LoggingFlags

    func run() throws {
        var options = ServerOptions()
        config.fill(&options)
        hotRestart.fill(&options)
        drain.fill(&options)
        service.fill(&options)
        logging.fill(&options)
        if hotRestart.hotRestartVersion {
            print(HotRestartVersion.text(options))
            return
        }
        // Not in `validate()`, which would come before the complaint about an unknown flag.
        guard config.configPath != nil || config.configYaml != nil else {
            throw ValidationError("no configuration: give -c FILE, --config-yaml TEXT, or both")
        }
        let status = ServerMain.run(options)
        if status != 0 { throw ExitCode(status) }
    }

    /// Bad values end with 1, as Envoy's do, and `--help` with 0.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure {
                let text = Array((fullMessage(for: error) + "\n").utf8)
                _ = text.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
                Glibc.exit(1)
            }
            exit(withError: error)
        }
    }
}
