import ProxyConfig
import StatCatalog
import Stats

/// Envoy's runtime: values by key that can change while the process runs, in layers of which the later override the earlier
/// (Envoy's operations documentation, "Runtime configuration"). Main thread; workers see what they read in `RuntimeShares`.
final class Runtime {
    struct Entry: Equatable {
        var key: String
        /// A text for each layer, empty where the layer has none.
        var layerValues: [String]
        var finalValue: String
    }

    enum ModifyError: Error, Equatable {
        /// There is no `admin_layer`.
        case noAdminLayer
        /// More keys than `maxOverrides`.
        case full
    }

    /// So that whoever reaches the admin listener cannot fill the memory.
    static let maxOverrides = 10_000

    let layers: [RuntimeLayer]
    /// What `/runtime_modify` has set.
    private(set) var overrides: [String: RuntimeValue] = [:]
    private var disk: [String: [String: RuntimeValue]] = [:]
    /// Of the configuration, and of routes that came later.
    private var shares: [RuntimeShares]
    private let serviceCluster: String
    private let counters: CounterGroup<RuntimeCounter>
    private let gauges: GaugeGroup<RuntimeGauge>
    private let warn: (String) -> Void

    /// - Parameter warn: told what could not be read or taken over.
    init(
        _ layers: [RuntimeLayer], shares: RuntimeShares, serviceCluster: String, store: StatsStore, writer: StatsWriter,
        warn: @escaping (String) -> Void
    ) {
        self.layers = layers
        self.shares = [shares]
        self.serviceCluster = serviceCluster
        self.warn = warn
        counters = GroupIDs(store, in: RuntimeScope()).cells(writer)
        gauges = GroupIDs(store, in: RuntimeScope()).cells(writer)
        gauges[.num_layers].set(UInt64(layers.count))
        readDisk()
        apply()
    }

    private var hasAdminLayer: Bool { layers.contains { $0.source == .admin } }

    /// Reads the directories again whenever something is moved onto their roots.
    func watch(_ watcher: MoveWatcher) {
        for layer in layers {
            guard case .disk(let disk) = layer.source else { continue }
            do {
                try watcher.watch(path: disk.symlinkRoot) { [weak self] in
                    self?.readDisk()
                    self?.apply()
                }
            } catch {
                warn("runtime: changes of \(disk.symlinkRoot) will not be seen: \(error)")
            }
        }
    }

    /// `/runtime_modify`: sets overrides, an empty value takes one away. All of them, or none.
    func modify(_ changes: [(key: String, value: String)]) throws(ModifyError) {
        guard hasAdminLayer else { throw .noAdminLayer }
        var changed = overrides
        for (key, value) in changes { changed[key] = value.isEmpty ? nil : RuntimeValue(value) }
        guard changed.count <= Self.maxOverrides else { throw .full }
        overrides = changed
        apply()
    }

    /// Takes over what was set in the process before this one.
    func adopt(_ record: RuntimeRecord) {
        guard hasAdminLayer else {
            if !record.overrides.isEmpty {
                warn("runtime: \(record.overrides.count) overrides are dropped: this configuration has no admin_layer")
            }
            return
        }
        overrides = record.overrides.prefix(Self.maxOverrides).reduce(into: [:]) { $0[$1.key] = RuntimeValue($1.value) }
        apply()
    }

    var record: RuntimeRecord {
        RuntimeRecord(
            overrides: overrides.sorted { $0.key < $1.key }.map {
                RuntimeRecord.Override(key: $0.key, value: $0.value.text)
            })
    }

    /// Sorted by key.
    var entries: [Entry] {
        let all = layers.map(values)
        return Set(all.flatMap(\.keys)).sorted().map { key in
            let texts = all.map { $0[key]?.text ?? "" }
            return Entry(key: key, layerValues: texts, finalValue: all.last { $0[key] != nil }?[key]?.text ?? "")
        }
    }

    private func values(_ layer: RuntimeLayer) -> [String: RuntimeValue] {
        switch layer.source {
        case .fixed(let values): values
        case .disk: disk[layer.name] ?? [:]
        case .admin: overrides
        }
    }

    private var merged: [String: RuntimeValue] {
        layers.map(values).reduce(into: [:]) { $0.merge($1) { _, later in later } }
    }

    /// From now on it changes these too.
    func add(_ others: RuntimeShares) {
        let merged = merged
        others.update { merged[$0] }
        shares.append(others)
    }

    /// They are in use no more.
    func remove(_ others: RuntimeShares) { shares.removeAll { $0 === others } }

    private func apply() {
        let merged = merged
        for shares in shares { shares.update { merged[$0] } }
        counters[.load_success].increment()
        let hasDisk = layers.contains { if case .disk = $0.source { true } else { false } }
        counters[hasDisk ? .override_dir_exists : .override_dir_not_exists].increment()
        gauges[.num_keys].set(UInt64(merged.count))
        gauges[.admin_overrides_active].set(overrides.isEmpty ? 0 : 1)
    }

    /// A directory that cannot be read keeps the values it had.
    private func readDisk() {
        for layer in layers {
            guard case .disk(let source) = layer.source else { continue }
            do {
                disk[layer.name] = try DiskLayerReader.read(source, serviceCluster: serviceCluster)
            } catch {
                counters[.load_error].increment()
                warn("runtime: layer '\(layer.name)' keeps its values: \(error)")
            }
        }
    }
}
