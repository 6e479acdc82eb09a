import ProxyConfig

@testable import Proxy

/// A text that claims to be a configuration; behind a zero byte, one that claims to be `--config-yaml`. It becomes a
/// model, and tables of it, or a list of errors that each have a place in the text. So does the same text as a file of resources.
enum ConfigFuzzing {
    private static let name = "fuzz.yaml"

    static func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        let texts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
        let inline = texts.count > 1 ? texts[1] : nil
        discover(texts[0])
        do {
            let loaded = try BootstrapLoader.load(file: (name, texts[0]), inline: inline)
            for warning in loaded.warnings { check(warning, texts) }
            _ = CompiledConfiguration(loaded.bootstrap)
            return loaded.warnings.isEmpty ? "loaded" : "loaded, with warnings"
        } catch {
            precondition(!error.diagnostics.isEmpty, "refused for no reason")
            for diagnostic in error.diagnostics { check(diagnostic, texts) }
            return error.diagnostics[0].message
        }
    }

    private static func discover(_ text: [UInt8]) {
        let sources = DataSources(
            file: { (path) throws(DataSources.Failure) in
                guard path == name else { throw DataSources.Failure("is not there") }
                return text
            }, variable: { _ in nil })
        do {
            let found = try DiscoveryLoader.assignments(name, sources: sources)
            var cluster = Cluster(name: "c", location: SourceLocation(file: name, line: 1, column: 1))
            cluster.endpointSource = EndpointSource(
                file: FileSource(path: name), name: found.assignments.keys.sorted().first ?? "")
            try cluster.take(found)
        } catch let error as DiscoveryError {
            for diagnostic in error.diagnostics { check(diagnostic, [text]) }
        } catch {}
        do {
            let found = try DiscoveryLoader.listeners(
                name, others: [], clusters: ["c"], mayHaveMoreClusters: true, sources: sources)
            for warning in found.warnings { check(warning, [text]) }
        } catch {
            for diagnostic in error.diagnostics { check(diagnostic, [text]) }
        }
        do {
            let found = try DiscoveryLoader.routes(name, clusters: ["c"], sources: sources)
            for warning in found.warnings { check(warning, [text]) }
            for routes in found.routes.configurations {
                _ = DiscoveryLoader.check(HTTPConnectionManager(statPrefix: "p", routes: routes))
            }
        } catch {
            for diagnostic in error.diagnostics { check(diagnostic, [text]) }
        }
    }

    /// One line that names a place in one of the texts.
    private static func check(_ diagnostic: ConfigDiagnostic, _ texts: [[UInt8]]) {
        let place = diagnostic.location
        let text: [UInt8]
        switch place.file {
        case name: text = texts[0]
        case BootstrapLoader.inlineName where texts.count > 1: text = texts[1]
        default: preconditionFailure("a finding in \(place.file)")
        }
        // YAML has five kinds of line ends; a finding may be about what is missing at the end.
        let most = text.count { $0 == 10 || $0 == 13 || $0 == 0x85 || $0 == 0xA8 || $0 == 0xA9 } + 2
        precondition(place.line >= 1 && place.line <= most, "line \(place.line) of \(most): \(diagnostic)")
        precondition(place.column >= 1 && place.column <= text.count + 2, "column \(place.column): \(diagnostic)")
        let shown = diagnostic.description
        precondition(!diagnostic.message.isEmpty && !shown.utf8.contains { $0 < 32 || $0 == 127 }, "\(shown)")
    }
}
