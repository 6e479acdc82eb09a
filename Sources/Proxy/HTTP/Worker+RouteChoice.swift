/// Routes that ask for more than a path, and those that answer themselves or choose a cluster for each request.
extension Worker {
    /// The request as routes look at it.
    func routed(
        _ listener: UnsafeMutablePointer<CompiledListener>, _ head: UnsafeMutablePointer<MessageHead>,
        _ authority: Bytes,
        _ path: Bytes
    ) -> RoutedRequest {
        var request = RoutedRequest(head: head, authority: authority, path: path)
        // An absolute-form target without a path (RFC 9112 §3.2.2).
        if head.pointee.targetLength == 0, head.pointee.method != .connect { request.path = Bytes("/") }
        request.scheme = scheme(listener, head)
        return request
    }

    /// The first route whose path and conditions are the request's.
    @inline(never)
    func findByConditions(
        _ table: RouteTable, _ listener: UnsafeMutablePointer<CompiledListener>,
        _ head: UnsafeMutablePointer<MessageHead>, _ authority: Bytes, _ path: Bytes
    ) -> UnsafePointer<CompiledRoute>? {
        var request = routed(listener, head, authority, path)
        request.random = random()
        return head.pointee.method == .connect
            ? table.findConnect(authority: authority.start, authority.count, request: request)
            : table.find(authority: authority.start, authority.count, path: path.start, path.count, request: request)
    }

    /// Which cluster a route has chosen, for access logs.
    func noteChosen(_ s: StreamPointer, _ c: ConnectionPointer, _ route: CompiledRoute, _ cluster: Int32) {
        var chosen = route
        chosen.cluster = cluster
        noteRoute(s, c, chosen)
    }

    /// The route of a request that came from another process.
    @inline(never)
    func findAgain(_ c: ConnectionPointer, _ head: UnsafeMutablePointer<MessageHead>) -> UnsafePointer<CompiledRoute>? {
        let listener = snapshot.listeners + Int(c.pointee.listener)
        let request = request(c, head)
        return listener.pointee.routes?._withUnsafeGuaranteedRef {
            findByConditions($0, listener, head, request.authority, request.path)
        }
    }

    /// Whether it asks for a tunnel.
    func isUpgrade(_ head: UnsafeMutablePointer<MessageHead>) -> Bool {
        if head.pointee.method == .connect { return true }
        return head.pointee.connectionUpgrade && head.pointee.upgradeField >= 0 && !isHTTP2Upgrade(head)
    }

    /// The cluster of a request whose route does not simply name one; -1: it has been answered.
    @inline(never)
    func chooseCluster(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ head: UnsafeMutablePointer<MessageHead>,
        _ route: CompiledRoute, _ request: RoutedRequest
    ) -> Int32 {
        let stats = listenerStats[Int(c.pointee.listener)]
        if let choice = route.choice {
            let cluster = choice.pointee.choose(request, random: random())
            if cluster >= 0 {
                if s.pointee.log >= 0 { noteChosen(s, c, route, cluster) }
                return cluster
            }
            stats.http[.no_cluster].increment()
            note(s, .clusterNotFound, .noClusterFound)
            if s.pointee.log >= 0 { captureUnrouted(s, c, head) }
            reply(slot, c, status: choice.pointee.notFoundStatus, body: "")
            return -1
        }
        stats.http[.rq_direct_response].increment()
        note(s, .directResponse)
        if s.pointee.log >= 0 { captureUnrouted(s, c, head) }
        directReply(slot, c, s, route, head, request)
        return -1
    }
}
