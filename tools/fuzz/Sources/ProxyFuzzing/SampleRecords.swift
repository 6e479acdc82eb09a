import CLinux
import HotRestart

@testable import Proxy

/// What a parent sends that means well.
enum SampleRecords {
    private static func address(_ text: String) -> cl_address {
        var address = cl_address()
        _ = cl_address_ip(&address, text, 8080)
        return address
    }

    // MARK: Of `RecordFuzzing`

    static func records() throws -> [(name: String, bytes: [UInt8])] {
        var inputs: [[UInt8]] = []
        for (number, message) in messages.enumerated() {
            let descriptors = if case .listeners(let part) = message { part.records.count } else { 0 }
            let datagram = try MessageCodec.encode(message, sequence: UInt32(number), descriptors: descriptors)
            inputs.append([0, UInt8(descriptors)] + datagram)
        }
        let frames = frames()
        inputs += frames.enumerated().map { [$0.offset == 0 ? 1 : 2] + $0.element }
        inputs.append([3] + ahead())
        inputs += states.enumerated().map { [UInt8($0.offset + 4)] + $0.element }
        return ProxyFuzzTarget.named(inputs)
    }

    private static let messages: [Message] = {
        var report = HandOverReport(moved: 5, kept: 1, text: "kept")
        report.stallNs = 1_000_000
        return [
            .hello(
                Hello(
                    version: "1.2", epochWanted: 3, pid: 1, freeDescriptors: 100, capabilities: .connections, baseID: 7)
            ),
            .welcome(
                Welcome(epoch: 2, pid: 1, version: "1.1", hotRestartGeneration: 4, startTimeNs: 5, capabilities: .ahead)
            ),
            .refuse(reason: "no"), .request([.listeners, .state]),
            .listeners(
                ListenersPart(
                    records: [
                        ListenerRecord(name: "l", address: "127.0.0.1:80", worker: 1),
                        ListenerRecord(kind: .admin, name: "", address: "[::1]:9901", flags: 1),
                    ], isLast: true)),
            .state(StatePart(pieces: [.init(name: "hosts", bytes: [1, 2], continues: true)], isLast: false)), .ready,
            .ahead(bytes: [8, 1]), .connections(ConnectionsPart(bytes: [1, 2, 3], isLast: true)),
            .prepared(PreparedPart(bytes: [4], isLast: true)), .commit, .committed, .done(report), .bye,
            .release(names: ["a", "b"]), .released, .terminate, .abort(reason: "x"), .adminRelease, .adminReleased,
        ]
    }()

    /// Records of kinds 4 to 10, and pieces of state.
    private static var states: [[UInt8]] {
        var health = HostHealthRecord()
        var host = HostHealthRecord.Host()
        host.address = address("127.0.0.1")
        host.flags = [.checked, .ejected]
        host.consecutive = [1, 2, 3]
        health.clusters = [.init(name: "c", hadTraffic: true, nextIntervalNs: 9, hosts: [host])]
        var hosts = HostsRecord()
        hosts.names = [.init(cluster: "c", host: "example.com", port: 80, addresses: [address("::1"), host.address])]
        var answer = AnswerRecord()
        answer.refuse(3, "it needs what this version cannot do")
        answer.refuse(4, "it needs what this version cannot do")
        var log = RecordWriter()
        for field in 1...9 as ClosedRange<UInt32> { log.number(field, UInt64(field)) }
        withUnsafePointer(to: &host.address) { AddressRecord.write($0, 10, into: &log) }
        let value = log.begin(14)
        log.number(1, 1)
        log.text(2, "x")
        log.text(3, "a value")
        log.end(value)
        var retry = RecordWriter()
        for field in (1...20).filter({ $0 != 17 }) + (22...25) as [UInt32] { retry.number(field, 1) }
        retry.text(21, "x-a, x-b")
        let runtime = RuntimeRecord(overrides: [.init(key: "a.b", value: "5")])
        return [
            health.encoded(), hosts.encoded(), runtime.encoded(), HealthRecord(failed: true).encoded(),
            answer.encoded(),
            Array(log.bytes), Array(retry.bytes), [5, 97, 2, 1, 2, 9, 97, 1, 3],
        ]
    }

    // MARK: Of `AdoptionFuzzing`

    static func transactions() -> [(name: String, bytes: [UInt8])] {
        var stream: [UInt8] = []
        for frame in frames() {
            stream += (0..<4).map { UInt8(frame.count >> (8 * $0) & 255) } + frame
        }
        let ahead = ahead()
        let length = [UInt8(ahead.count & 255), UInt8(ahead.count >> 8)]
        return ProxyFuzzTarget.named([
            [15, 255, 0, 0, 0] + stream, [15, 1, 0, 0, 0] + stream, [15, 255, 2] + length + ahead + stream,
        ])
    }

    /// Two descriptors, and a record that holds for one of them.
    private static func ahead() -> [UInt8] {
        var out = RecordWriter()
        out.number(AheadRecord.Tag.workers, 2)
        let ids = [AheadID.make(0, 5, 1), AheadID.make(1, 6, 1)]
        for id in ids { out.number(AheadRecord.Tag.id, id) }
        let listener = out.begin(AheadRecord.Tag.listener)
        out.number(AheadRecord.Tag.position, 1)
        out.text(AheadRecord.Tag.name, "l")
        out.end(listener)
        let early = out.begin(AheadRecord.Tag.early)
        out.number(AheadRecord.Tag.earlyID, ids[0])
        let record = out.begin(AheadRecord.Tag.record)
        write(.downstreamHTTP, [.used], cluster: -1, into: &out)
        out.end(record)
        out.end(early)
        return Array(out.bytes)
    }

    private static func write(
        _ kind: Connection.Kind, _ flags: Connection.Flags, cluster: Int32, into out: inout RecordWriter
    ) {
        let c = ConnectionPointer.allocate(capacity: 1)
        c.initialize(to: Connection())
        defer {
            c.pointee.input.free()
            c.pointee.output.free()
            c.deallocate()
        }
        c.pointee.kind = kind
        c.pointee.flags = flags
        var client = address("192.0.2.1")
        c.pointee.remote = PeerAddress(&client)
        if flags.contains(.inBody) { c.pointee.decoder = BodyDecoder(framing: .chunked, length: 0) }
        let bytes = Array("GET / HTTP/1.1\r\nho".utf8)
        bytes.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return }
            if kind == .downstreamHTTP { c.pointee.input.append(base, text.count) }
            if kind == .awaitingHeader { c.pointee.input.append(UnsafePointer(ProxyHeader.lineSignature.utf8Start), 6) }
            if flags.contains(.readPaused) { c.pointee.output.append(base, text.count) }
        }
        var host = address("127.0.0.1")
        var addresses = ClientAddresses(local: c.pointee.remote, direct: c.pointee.remote)
        var bucket = ConnectionBucket()
        let listener: Int32 = kind == .awaitingHeader ? 1 : 0
        withUnsafePointer(to: &host) { host in
            withUnsafeMutablePointer(to: &addresses) { addresses in
                withUnsafeMutablePointer(to: &bucket) { bucket in
                    ConnectionRecord.write(
                        c, listener: cluster < 0 ? listener : -1, cluster: cluster, host: cluster < 0 ? nil : host,
                        addresses: flags.isDisjoint(with: [.proxied, .used]) ? nil : addresses,
                        bucket: flags.contains(.used) && cluster < 0 ? bucket : nil, into: &out)
                }
            }
        }
    }

    /// A transaction's header, and units of every kind.
    private static func frames() -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var out = RecordWriter()
        func end() {
            frames.append(Array(out.bytes))
            out.clear()
        }
        func unit(
            down: (Connection.Kind, Connection.Flags)? = nil, up: (Connection.Kind, Connection.Flags)? = nil,
            stream flags: Stream.Flags? = nil, cluster: Int32 = 0
        ) {
            out.number(UnitRecord.Tag.ordinal, UInt64(frames.count - 1))
            out.number(UnitRecord.Tag.worker, UInt64(frames.count % 2))
            for (tag, part, cluster) in [(UnitRecord.Tag.downstream, down, -1), (UnitRecord.Tag.upstream, up, cluster)]
            {
                guard let part else { continue }
                let start = out.begin(tag)
                write(part.0, part.1, cluster: cluster, into: &out)
                out.end(start)
            }
            if let flags { write(flags, cluster, into: &out) }
            end()
        }
        var header = TransactionRecord()
        header.units = 11
        header.rateLimits = [RateLimitRecord(name: "limit", word: 7)]
        header.workers = 2
        header.listeners = [.init(name: "l", statName: "l"), .init(name: "h", statName: "h")]
        header.clusters = [
            .init(name: "c", statName: "c"), .init(name: "gone", statName: "gone"), .init(name: "p", statName: "p"),
        ]
        header.write(into: &out)
        end()
        unit(down: (.downstreamHTTP, [.used]))
        unit(
            down: (.downstreamHTTP, [.inBody]), up: (.upstreamHTTP, [.readPaused, .readPending]),
            stream: [.requestChunked], cluster: 1)
        unit(down: (.downstreamHTTP, []), stream: [.pending, .requestEnded])
        unit(up: (.upstreamHTTP, [.connecting]))
        unit(
            down: (.tunnelDownstream, [.upgraded]), up: (.tunnelUpstream, [.upgraded]),
            stream: [.upgrade, .responseStarted])
        unit(
            down: (.downstreamHTTP, [.inBody]), up: (.upstreamHTTP, [.inBody]),
            stream: [.responseStarted, .responseChunked])
        unit(down: (.downstreamHTTP, []), up: (.upstreamHTTP, []), stream: [.requestEnded, .changesResponse])
        unit(down: (.awaitingHeader, []))
        unit(up: (.upstreamHTTP, [.pooled, .used, .proxied]), cluster: 2)
        unit(down: (.downstreamHTTP, []), stream: [.filtered, .requestEnded], cluster: -1)
        unit(down: (.downstreamHTTP, [.inBody]), stream: [.filtered, .gathered], cluster: -1)
        return frames
    }

    private static func write(_ flags: Stream.Flags, _ cluster: Int32, into out: inout RecordWriter) {
        let s = StreamPointer.allocate(capacity: 1)
        defer { s.deallocate() }
        s.initialize(to: Stream())
        s.pointee.flags = flags
        let changes: [UInt8] = [1, 1, 0, 1, 0, 0, 0, UInt8(ascii: "x"), UInt8(ascii: "1")]
        if flags.contains(.changesResponse) {
            changes.withUnsafeBufferPointer { bytes in
                if let start = bytes.baseAddress { s.pointee.changes.append(start, bytes.count) }
            }
        }
        let head = Bytes("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        if flags.contains(.filtered) { s.pointee.buffer.append(head.start, head.count) }
        defer {
            s.pointee.changes.free()
            s.pointee.buffer.free()
        }
        var host = address("127.0.0.1")
        let start = out.begin(UnitRecord.Tag.stream)
        withUnsafePointer(to: &host) { StreamRecord.write(s, cluster: cluster, host: $0, into: &out) }
        if flags.contains(.filtered) {
            var kept = FilterState()
            kept.untilNs = 1
            kept.hasFault = !flags.contains(.gathered)
            if flags.contains(.gathered) {
                kept.untilNs = FilterState.never
                kept.bodyStart = UInt32(head.count)
                kept.mostBody = 100
            }
            FilterRecord.write(kept, name: Bytes("fault"), StreamRecord.filterTag, into: &out)
        }
        out.end(start)
    }
}
