/// Clusters that are decoded while the text behind them is still being read: there may be tens of thousands of them, libyaml works on
/// another thread meanwhile, and what was just read is still in the processor's caches.
///
/// What is found stays here until the whole text has been read: of one that is no YAML only that is told.
final class EarlyClusters {
    /// The keys under which the list stands.
    static let place = ["static_resources", "clusters"]
    private static let list = place.reduce(ValuePath.root) { ValuePath(.field($1), of: $0) }

    private(set) var decoder = Decoder(findings: Findings())
    private(set) var clusters: [Cluster] = []
    private var count = 0
    /// The list has been read; false: there is none, or it stands elsewhere in the text.
    private(set) var isComplete = false

    /// The next element of the list.
    func take(_ node: YAMLNode) {
        let value = Value(node: node, place: ValuePath(.index(count), of: Self.list), findings: decoder.findings)
        count += 1
        if let message = value.message(.cluster) { clusters.append(decoder.cluster(message)) }
    }

    func end() { isComplete = true }
}
