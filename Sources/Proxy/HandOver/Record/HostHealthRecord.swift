import CLinux

/// What is known of the health of hosts: the state record "host-health", so that a new process need not find it out. What
/// has changed since it was sent comes once more with the connections.
struct HostHealthRecord: Equatable {
    /// A host; numbers that were never set are 0.
    struct Host: Equatable {
        var address = cl_address()
        var flags: Flags = []
        var successes: UInt32 = 0
        var failures: UInt32 = 0
        /// CLOCK_MONOTONIC, as all times.
        var nextCheckNs: UInt64 = 0
        var ejectedNs: UInt64 = 0
        var backoff: UInt64 = 0
        var jitterMs: UInt64 = 0
        /// When it joined, or became healthy, in a cluster with a slow start.
        var sinceNs: UInt64 = 0
        /// Failures in a row, of all workers: 5xx, gateway failures, of local origin.
        var consecutive: [UInt64] = [0, 0, 0]

        static func == (a: Host, b: Host) -> Bool {
            SocketAddress.equal(a.address, b.address) && a.flags == b.flags && a.successes == b.successes
                && a.failures == b.failures && a.nextCheckNs == b.nextCheckNs && a.ejectedNs == b.ejectedNs
                && a.backoff == b.backoff && a.jitterMs == b.jitterMs && a.consecutive == b.consecutive
                && a.sinceNs == b.sinceNs
        }
    }

    /// The bits travel, so none is ever given a second meaning.
    struct Flags: OptionSet {
        let rawValue: UInt32
        /// It is checked, and a check has come to a result.
        static let checked = Flags(rawValue: 1 << 0)
        static let failedActiveCheck = Flags(rawValue: 1 << 1)
        static let timedOut = Flags(rawValue: 1 << 2)
        static let excluded = Flags(rawValue: 1 << 3)
        static let ejected = Flags(rawValue: 1 << 4)
        static let degraded = Flags(rawValue: 1 << 5)
    }

    struct Cluster: Equatable {
        var name = ""
        /// It has had a connection.
        var hadTraffic = false
        /// The next interval of outlier detection.
        var nextIntervalNs: UInt64 = 0
        var hosts: [Host] = []
    }

    static let name = "host-health"
    var clusters: [Cluster] = []

    private enum Tag {
        static let cluster: UInt32 = 1
        static let name: UInt32 = 1, hadTraffic: UInt32 = 2, nextInterval: UInt32 = 3, host: UInt32 = 4
        static let address: UInt32 = 1, flags: UInt32 = 2, successes: UInt32 = 3, failures: UInt32 = 4,
            nextCheck: UInt32 = 5, ejected: UInt32 = 6, backoff: UInt32 = 7, jitter: UInt32 = 8,
            consecutive5xx: UInt32 = 9, consecutiveGateway: UInt32 = 10, consecutiveLocal: UInt32 = 11,
            since: UInt32 = 12
    }

    init() {}

    func encoded() -> [UInt8] {
        var out = RecordWriter(capacity: 4096)
        for cluster in clusters {
            let start = out.begin(Tag.cluster)
            out.text(Tag.name, cluster.name)
            out.number(Tag.hadTraffic, cluster.hadTraffic ? 1 : 0)
            out.number(Tag.nextInterval, cluster.nextIntervalNs)
            for host in cluster.hosts { Self.write(host, &out) }
            out.end(start)
        }
        return Array(out.bytes)
    }

    private static func write(_ host: Host, _ out: inout RecordWriter) {
        let start = out.begin(Tag.host)
        var address = host.address
        withUnsafePointer(to: &address) { AddressRecord.write($0, Tag.address, into: &out) }
        out.number(Tag.flags, UInt64(host.flags.rawValue))
        out.number(Tag.successes, UInt64(host.successes))
        out.number(Tag.failures, UInt64(host.failures))
        out.number(Tag.nextCheck, host.nextCheckNs)
        out.number(Tag.ejected, host.ejectedNs)
        out.number(Tag.backoff, host.backoff)
        out.number(Tag.jitter, host.jitterMs)
        out.number(Tag.since, host.sinceNs)
        for (i, count) in host.consecutive.prefix(3).enumerated() {
            out.number(Tag.consecutive5xx + UInt32(i), count)
        }
        out.end(start)
    }

    init(_ bytes: [UInt8]) throws(RecordError) {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<[Cluster], RecordError> in
            guard let base = buffer.baseAddress else { return .success([]) }
            do throws(RecordError) {
                var clusters: [Cluster] = []
                var reader = RecordReader(base, buffer.count)
                while let field = try reader.field() {
                    if field.number == Tag.cluster { clusters.append(try Self.cluster(field)) }
                }
                return .success(clusters)
            } catch {
                return .failure(error)
            }
        }
        clusters = try result.get()
    }

    private static func cluster(_ field: RecordReader.Field) throws(RecordError) -> Cluster {
        var cluster = Cluster()
        guard var reader = RecordReader(try field.content()) else { return cluster }
        while let field = try reader.field() {
            switch field.number {
            case Tag.name: cluster.name = try field.text()
            case Tag.hadTraffic: cluster.hadTraffic = try field.number(as: UInt8.self) != 0
            case Tag.nextInterval: cluster.nextIntervalNs = try field.number()
            case Tag.host: cluster.hosts.append(try host(field))
            default: break
            }
        }
        return cluster
    }

    private static func host(_ field: RecordReader.Field) throws(RecordError) -> Host {
        var host = Host()
        guard var reader = RecordReader(try field.content()) else { throw RecordError("a host without fields") }
        while let field = try reader.field() {
            switch field.number {
            case Tag.address: host.address = try AddressRecord.read(field)
            case Tag.flags: host.flags = Flags(rawValue: try field.number())
            case Tag.since: host.sinceNs = try field.number()
            case Tag.successes: host.successes = try field.number()
            case Tag.failures: host.failures = try field.number()
            case Tag.nextCheck: host.nextCheckNs = try field.number()
            case Tag.ejected: host.ejectedNs = try field.number()
            case Tag.backoff: host.backoff = try field.number()
            case Tag.jitter: host.jitterMs = try field.number()
            case Tag.consecutive5xx...Tag.consecutiveLocal:
                host.consecutive[Int(field.number - Tag.consecutive5xx)] = try field.number()
            default: break
            }
        }
        guard host.address.length > 0 else { throw RecordError("a host without an address") }
        return host
    }
}
