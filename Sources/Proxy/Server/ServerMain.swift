import CLinux
import Glibc
import ProxyConfig
import Stats

/// What `envoyd` does once its command line is read.
public enum ServerMain {
    /// Loads the configuration, and serves or validates it. Returns the exit status: 0, or 1 with the reasons on standard
    /// error.
    public static func run(_ options: ServerOptions) -> Int32 {
        CrashReport.install()
        let loaded: LoadedConfiguration
        var start = timespec()
        clock_gettime(CLOCK_REALTIME, &start)
        do {
            loaded = try load(options)
        } catch {
            for line in error.lines { complain(line) }
            return 1
        }
        let name = options.configPath ?? BootstrapLoader.inlineName
        if options.mode == .validate {
            for warning in loaded.warnings { complain("warning: \(warning)") }
            do throws(StartupError) {
                try LogSinks(loaded.bootstrap).check()
                try HealthEventLogs.check(loaded.bootstrap.clusters)
            } catch {
                for line in error.lines { complain(line) }
                return 1
            }
            print("configuration '\(name)' OK")
            return 0
        }
        do {
            let log = try Log(level: LogLevel(flag: options.logLevel) ?? .info, path: options.logPath)
            for warning in loaded.warnings { log.warning("\(warning)") }
            return try serve(options, loaded, readAt: start, log)
        } catch let error as StartupError {
            for line in error.lines { complain(line) }
        } catch {
            complain("\(error)")
        }
        return 1
    }

    private static func serve(
        _ options: ServerOptions, _ loaded: LoadedConfiguration, readAt: timespec, _ log: Log
    ) throws -> Int32 {
        let bootstrap = loaded.bootstrap
        // Before there is any thread: all of them inherit the mask.
        let signals = try Signals([SIGTERM, SIGINT, SIGUSR1])
        DescriptorTable.raiseLimit()
        if options.mode == .initOnly {
            var apart = options
            apart.disableHotRestart = true
            let server = try Server(
                options: apart, bootstrap: bootstrap, claim: try BaseIDClaim(options: apart).make(), log: log,
                loop: try MainLoop(), signals: signals)
            server.clusterManager.start()
            _ = server.loop.run(until: { server.clusterManager.isInitialized }, limitMs: 5000)
            log.info("init_only: initialized, exiting")
            return 0
        }
        let claim = try BaseIDClaim(options: options).make()
        CrashReport.describe(claim)
        for note in claim.notes { log.info("\(note)") }
        DescriptorTable.widen(parent: claim.parent?.pid)
        if let path = options.baseIDPath { try OutputFile.write(path, "\(claim.baseID)") }
        let server = try Server(
            options: options, bootstrap: bootstrap, claim: claim, log: log, loop: try MainLoop(), signals: signals)
        server.configurationReadAt = readAt
        server.texts = loaded.texts
        server.whenServing = { loaded.forgetText() }
        return try server.run()
    }

    private static func load(_ options: ServerOptions) throws(StartupError) -> LoadedConfiguration {
        var file: (name: String, text: [UInt8])?
        if let path = options.configPath {
            do { file = (path, try InputFile.read(path)) } catch { throw StartupError("\(path): \(error)") }
        }
        do {
            return try BootstrapLoader.load(
                file: file, inline: options.configYAML.map { Array($0.utf8) }, sources: .process)
        } catch {
            throw StartupError(lines: error.diagnostics.map(\.description))
        }
    }

    private static func complain(_ line: String) {
        let bytes = Array("envoyd: \(line.visible)\n".utf8)
        _ = bytes.withUnsafeBytes { cl_write(2, $0.baseAddress!, $0.count) }
    }
}
