import StatCatalog

/// What is counted for virtual clusters, and for routes with a `stat_prefix`: beside what is counted for the cluster, in the same
/// places. None of it is for a request that has neither (`Stream.Flags.classified`).
extension Worker {
    /// The request is about to be sent, or answered for its cluster: from now on it counts for its classes.
    @inline(never)
    func classify(
        _ s: StreamPointer, _ c: ConnectionPointer, _ classes: UnsafePointer<CompiledRequestClasses>,
        _ request: RoutedRequest
    ) {
        let found = classes.pointee.virtualCluster(request)
        s.pointee.virtualCluster = found.position
        s.pointee.routeClass = classes.pointee.route
        s.pointee.flags.insert(.classified)
        if s.pointee.log >= 0, found.position >= 0 { noteVirtualCluster(s, c, found.name) }
    }

    @inline(never)
    func count(_ counter: RequestClassCounter, _ s: StreamPointer) {
        forEachClass(of: s) { _, stats in stats.counters[counter].increment() }
    }

    /// An answer, with its code and class.
    @inline(never)
    func chargeClasses(_ s: StreamPointer, _ status: UInt16) {
        let group = Int(status / 100) - 1
        let index = CommonStatus.index(status)
        forEachClass(of: s) { position, stats in
            stats.counters[.upstream_rq_completed].increment()
            if group >= 0, group < 5 { stats.counters[.upstream_rq_1xx, group].increment() }
            if index >= 0 {
                stats.codes[index].increment()
            } else {
                chargeRare(position, status, .requestClass)
            }
        }
    }

    @inline(never)
    func recordTime(ofClasses s: StreamPointer, _ milliseconds: UInt64) {
        forEachClass(of: s) { _, stats in stats.histograms[.upstream_rq_time].record(milliseconds) }
    }

    @inline(__always)
    private func forEachClass(of s: StreamPointer, _ body: (Int32, RequestClassStats) -> Void) {
        let (first, second) = (s.pointee.virtualCluster, s.pointee.routeClass)
        if first >= 0 { body(first, requestClasses[first]) }
        if second >= 0 { body(second, requestClasses[second]) }
    }
}
