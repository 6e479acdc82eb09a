/// From YAML or JSON text to a validated `Bootstrap`.
public enum BootstrapLoader {
    /// What diagnostics call the inline text.
    public static let inlineName = "--config-yaml"

    /// Reads a configuration, or tells everything that is wrong with it.
    ///
    /// - Parameters:
    ///   - file: the file's name as the user gave it and its bytes.
    ///   - sources: how files and variables are read that it names.
    ///   - inline: the text of `--config-yaml`, merged over the file: messages merge, lists append, scalars replace.
    /// - Throws: all errors, in the order of the text. Text that is no YAML yields one error, since nothing after it
    ///   can be understood.
    public static func load(
        file: (name: String, text: [UInt8])?, inline: [UInt8]?, sources: DataSources = .none
    ) throws(ConfigurationError) -> LoadedConfiguration {
        let findings = Findings()
        if file == nil && inline == nil {
            findings.error(SourceLocation(file: inlineName, line: 1, column: 1), "", "no configuration is given")
        }
        // Of a merged configuration the clusters are known only when both texts have been read.
        let early = inline == nil ? EarlyClusters() : nil
        let base = file.flatMap { read(name: $0.name, text: $0.text, findings, early) }
        let over = inline.flatMap { read(name: inlineName, text: $0, findings) }
        var bootstrap = Bootstrap()
        var tree: YAMLNode?
        // Half of a configuration would only yield errors about what the other half has.
        let isComplete = (file == nil || base != nil) && (inline == nil || over != nil)
        if isComplete, let first = base ?? over {
            let root = base != nil ? over.map { Merge.merge($0, over: first) } ?? first : first
            var decoder = Decoder(findings: findings, sources: sources)
            bootstrap = decoder.bootstrap(root, early)
            tree = root
        }
        guard findings.errors.isEmpty else {
            throw ConfigurationError(diagnostics: Findings.sorted(findings.errors, inline: inlineName))
        }
        var loaded = LoadedConfiguration(
            bootstrap: bootstrap, warnings: Findings.sorted(findings.warnings, inline: inlineName), tree: tree)
        loaded.texts = BootstrapTexts(file: file.map { ResourceText(path: $0.name, bytes: $0.text) }, inline: inline)
        return loaded
    }

    static func read(
        name: String, text: [UInt8], _ findings: Findings, _ clusters: EarlyClusters? = nil
    ) -> YAMLNode? {
        guard let root = YAMLReader.read(name: name, text: text, findings: findings, clusters: clusters) else {
            return nil
        }
        if case .mapping = root.content { return root }
        findings.error(root.location, "", "expected a mapping with the fields of a bootstrap, got \(root.kindText)")
        return nil
    }
}
