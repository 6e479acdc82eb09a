import Synchronization

/// One finding about the configuration: where, on what, and what is wrong with it.
public struct ConfigDiagnostic: Sendable, Hashable, CustomStringConvertible {
    public var location: SourceLocation
    /// The field, `static_resources.listeners[0].name`; empty for the text as a whole.
    public var path: String
    public var message: String
    public init(location: SourceLocation, path: String, message: String) {
        self.location = location
        self.path = path
        self.message = message
    }
    /// `envoy.yaml:14:9: static_resources.listeners[0].foo: message`, one line.
    public var description: String {
        path.isEmpty ? "\(location): \(message)" : "\(location): \(path): \(message)"
    }
}

/// What the loader made of a valid configuration.
public struct LoadedConfiguration: Sendable {
    public var bootstrap: Bootstrap
    /// What it was made of.
    public var texts = BootstrapTexts()
    /// What was accepted though it is probably not what was meant, in file order.
    public var warnings: [ConfigDiagnostic]
    private let tree: SourceTree?
    public init(bootstrap: Bootstrap, warnings: [ConfigDiagnostic]) {
        self.init(bootstrap: bootstrap, warnings: warnings, tree: nil)
    }
    init(bootstrap: Bootstrap, warnings: [ConfigDiagnostic], tree: YAMLNode?) {
        self.bootstrap = bootstrap
        self.warnings = warnings
        self.tree = tree.map(SourceTree.init)
    }
    /// Gives back what was read from the text and is in the bootstrap now: a tenth of the work of reading it, which can wait.
    public func forgetText() { tree?.forget() }
}

/// The values of a text, until they are not needed any more.
private final class SourceTree: Sendable {
    private let root: Mutex<YAMLNode?>
    init(_ root: YAMLNode) { self.root = Mutex(root) }
    func forget() { root.withLock { $0 = nil } }
}

/// Everything that is wrong with a configuration.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// In file order, the file before `--config-yaml`; never empty.
    public var diagnostics: [ConfigDiagnostic]
    public init(diagnostics: [ConfigDiagnostic]) { self.diagnostics = diagnostics }
    /// One line for each diagnostic.
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}

/// Collects errors and warnings while a configuration is read, so that one fault does not hide the next.
final class Findings {
    private(set) var errors: [ConfigDiagnostic] = []
    private(set) var warnings: [ConfigDiagnostic] = []
    /// What the decoder takes values for, where somebody wants to know.
    var forms: ValueForms?

    func error(_ location: SourceLocation, _ path: String, _ message: String) {
        errors.append(ConfigDiagnostic(location: location, path: path, message: message))
    }

    func warn(_ location: SourceLocation, _ path: String, _ message: String) {
        warnings.append(ConfigDiagnostic(location: location, path: path, message: message))
    }

    func add(_ others: Findings) {
        errors += others.errors
        warnings += others.warnings
    }

    /// In the order of the text, `inline` after everything else; findings of one place keep the order they came in.
    static func sorted(_ findings: [ConfigDiagnostic], inline: String) -> [ConfigDiagnostic] {
        func key(_ index: Int, _ finding: ConfigDiagnostic) -> (Int, Int, Int, Int) {
            let place = finding.location
            return (place.file == inline ? 1 : 0, place.line, place.column, index)
        }
        let keyed = findings.enumerated().map { (key: key($0.offset, $0.element), finding: $0.element) }
        return keyed.sorted { $0.key < $1.key }.map(\.finding)
    }
}
