import ProxyConfig

/// `request_mirror_policies` of a route. Plain data in the memory of the configuration.
struct CompiledMirrors: BitwiseCopyable {
    struct Mirror: BitwiseCopyable {
        /// -1: the one that `header` names.
        var cluster: Int32 = -1
        /// In lower case.
        var header = Bytes("")
        /// nil: all requests.
        var share: RuntimeShare?
        var appendsSuffix: Bool
        /// nil: the request's.
        var host: Bytes?
        var changes: CompiledChanges?
    }
    private let mirrors: UnsafeMutablePointer<Mirror>
    let count: Int
    private let clusters: ClusterNames

    /// Nil when there are none.
    ///
    /// - Parameter clusters: positions of priority DEFAULT, which all copies have.
    init?(_ policies: [MirrorPolicy], clusters: ClusterNames, shares: RuntimeShares) {
        if policies.isEmpty { return nil }
        count = policies.count
        mirrors = .kept(capacity: count)
        for (i, policy) in policies.enumerated() {
            var mirror = Mirror(
                share: policy.fraction.map { shares.make($0) }, appendsSuffix: policy.appendsSuffix,
                host: policy.host.map { Bytes(keeping: $0) },
                changes: CompiledChanges(policy.changes, isRequest: true))
            switch policy.target {
            // Of routes that come from a file it may not exist: nothing is copied then.
            case .cluster(let name): mirror.cluster = clusters.position(of: name)
            case .header(let name): mirror.header = Bytes(keeping: name)
            }
            (mirrors + i).initialize(to: mirror)
        }
        self.clusters = clusters
    }

    subscript(_ index: Int) -> UnsafePointer<Mirror> { UnsafePointer(mirrors + index) }

    /// Where a copy goes, -1: nowhere.
    ///
    /// - Parameter field: the first value of the request's field with this name, as the host gets it.
    func cluster(of mirror: UnsafePointer<Mirror>, field: (Bytes) -> Bytes?) -> Int32 {
        if mirror.pointee.cluster >= 0 { return mirror.pointee.cluster }
        if mirror.pointee.header.count == 0 { return -1 }
        return field(mirror.pointee.header).map { clusters.position(of: $0) } ?? -1
    }
}
