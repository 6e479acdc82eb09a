import CLinux
import Glibc

/// One connection of a unit, on its way: see `Connection` in docs/hand-over.md. Field numbers are never given a second
/// meaning.
struct ConnectionRecord: BitwiseCopyable {
    var kind: UInt8 = 0
    /// `Connection.Flags`.
    var flags: UInt32 = 0
    /// Position of the listener's name in the transaction's table (downstream), -1: none.
    var listener: Int32 = -1
    /// Position of the cluster's name in that table (upstream), -1: none.
    var cluster: Int32 = -1
    /// Address of the host (upstream).
    var host = cl_address()
    var createdNs: UInt64 = 0
    var lastActivityNs: UInt64 = 0
    var deadlineNs: UInt64 = 0
    var requests: UInt32 = 0
    var remote = PeerAddress()
    var input = RecordBytes()
    var output = RecordBytes()
    var decoder = BodyDecoder()
    var bufferLimit: UInt32 = 0
    var id: UInt64 = 0
    /// `Log`, of a TCP proxy; empty: none came.
    var log = RecordBytes()
    /// `ClientAddresses`, if it has some.
    var hasAddresses = false
    var local = PeerAddress()
    var direct = PeerAddress()
    /// The tokens of a limit of its own.
    var bucket: ConnectionBucket?

    /// The log's record stands behind all others.
    static let logTag: UInt32 = 20

    private enum Tag {
        static let kind: UInt32 = 1, flags: UInt32 = 2, listener: UInt32 = 3, cluster: UInt32 = 4, host: UInt32 = 5
        static let created: UInt32 = 6, lastActivity: UInt32 = 7, deadline: UInt32 = 8, requests: UInt32 = 9
        static let remoteAddress: UInt32 = 10, remotePort: UInt32 = 11, input: UInt32 = 12, output: UInt32 = 13
        static let body: UInt32 = 14, bodyRemaining: UInt32 = 15, bodyLine: UInt32 = 16, bodyDigits: UInt32 = 17
        static let bufferLimit: UInt32 = 18, id: UInt32 = 19
        static let hasAddresses: UInt32 = 21, localAddress: UInt32 = 22, localPort: UInt32 = 23
        static let directAddress: UInt32 = 24, directPort: UInt32 = 25
        static let bucketWord: UInt32 = 26, bucketMost: UInt32 = 27, bucketPerSecond: UInt32 = 28
    }

    /// Kinds on the wire; 0 is none.
    static func wireKind(_ kind: Connection.Kind) -> UInt8 {
        switch kind {
        case .free: 0
        case .downstreamHTTP: 1
        case .upstreamHTTP: 2
        case .tunnelDownstream: 3
        case .tunnelUpstream: 4
        case .awaitingHeader: 5
        case .echo: 6
        // They stay where they are.
        case .leaving, .mirror: 0
        }
    }

    static func kind(_ wire: UInt8) -> Connection.Kind {
        switch wire {
        case 1: .downstreamHTTP
        case 2: .upstreamHTTP
        case 3: .tunnelDownstream
        case 4: .tunnelUpstream
        case 5: .awaitingHeader
        case 6: .echo
        default: .free
        }
    }

    /// - Parameters:
    ///   - listener: position in the table, -1 for none.
    ///   - cluster: position in the table, -1 for none.
    ///   - host: the host's address (upstream).
    ///   - addresses: those of the connection, if it has some.
    ///   - bucket: its tokens, if it has a limit of its own.
    static func write(
        _ c: ConnectionPointer, listener: Int32, cluster: Int32, host: UnsafePointer<cl_address>?,
        addresses: UnsafeMutablePointer<ClientAddresses>? = nil,
        bucket: UnsafeMutablePointer<ConnectionBucket>? = nil, into out: inout RecordWriter
    ) {
        out.number(Tag.kind, UInt64(wireKind(c.pointee.kind)))
        out.number(Tag.flags, UInt64(c.pointee.flags.rawValue & Connection.Flags.known))
        if listener >= 0 { out.number(Tag.listener, UInt64(listener) + 1) }
        if cluster >= 0 { out.number(Tag.cluster, UInt64(cluster) + 1) }
        if let host { AddressRecord.write(host, Tag.host, into: &out) }
        out.number(Tag.created, c.pointee.createdNs)
        out.number(Tag.lastActivity, c.pointee.lastActivityNs)
        out.number(Tag.deadline, c.pointee.deadlineNs)
        out.number(Tag.requests, UInt64(c.pointee.requests))
        write(c.pointee.remote, Tag.remoteAddress, Tag.remotePort, into: &out)
        if let addresses {
            out.number(Tag.hasAddresses, 1)
            write(addresses.pointee.local, Tag.localAddress, Tag.localPort, into: &out)
            write(addresses.pointee.direct, Tag.directAddress, Tag.directPort, into: &out)
        }
        if !c.pointee.input.isEmpty { out.blob(Tag.input, c.pointee.input.bytes, c.pointee.input.count) }
        if !c.pointee.output.isEmpty { out.blob(Tag.output, c.pointee.output.bytes, c.pointee.output.count) }
        out.number(Tag.body, UInt64(c.pointee.decoder.state.rawValue))
        out.number(Tag.bodyRemaining, c.pointee.decoder.remaining)
        out.number(Tag.bodyLine, UInt64(c.pointee.decoder.lineBytes))
        out.number(Tag.bodyDigits, UInt64(c.pointee.decoder.digits))
        out.number(Tag.bufferLimit, UInt64(c.pointee.bufferLimit))
        out.number(Tag.id, c.pointee.id)
        if let bucket {
            out.number(Tag.bucketWord, bucket.pointee.word)
            out.number(Tag.bucketMost, bucket.pointee.rate.most)
            out.number(Tag.bucketPerSecond, bucket.pointee.rate.perSecond.bitPattern)
        }
    }

    private static func write(
        _ remote: PeerAddress, _ addressTag: UInt32, _ portTag: UInt32, into out: inout RecordWriter
    ) {
        guard remote.family != 0 else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { bytes in
            guard let base = bytes.baseAddress else { return }
            let raw = UnsafeMutableRawPointer(base)
            if remote.family == UInt16(AF_INET) {
                raw.storeBytes(of: UInt32(truncatingIfNeeded: remote.low), as: UInt32.self)
                out.blob(addressTag, base, 4)
            } else {
                raw.storeBytes(of: remote.high, as: UInt64.self)
                raw.storeBytes(of: remote.low, toByteOffset: 8, as: UInt64.self)
                out.blob(addressTag, base, 16)
            }
        }
        out.number(portTag, UInt64(remote.port))
    }

    init() {}

    init(_ bytes: RecordBytes) throws(RecordError) {
        guard var reader = RecordReader(bytes) else { throw RecordError("a connection without fields") }
        var (word, most, perSecond): (UInt64, UInt64, UInt64) = (0, 0, 0)
        while let field = try reader.field() {
            switch field.number {
            case Tag.kind: kind = try field.number()
            case Tag.flags: flags = try field.number()
            case Tag.listener: listener = try Self.position(field)
            case Tag.cluster: cluster = try Self.position(field)
            case Tag.host: host = try AddressRecord.read(field)
            case Tag.created: createdNs = try field.number()
            case Tag.lastActivity: lastActivityNs = try field.number()
            case Tag.deadline: deadlineNs = try field.number()
            case Tag.requests: requests = try field.number()
            case Tag.remoteAddress: try Self.read(field, into: &remote)
            case Tag.remotePort: remote.port = try field.number()
            case Tag.input: input = try field.content()
            case Tag.output: output = try field.content()
            case Tag.body:
                guard let state = BodyDecoder.State(rawValue: try field.number()) else {
                    throw RecordError("an unknown state of a body")
                }
                decoder.state = state
            case Tag.bodyRemaining: decoder.remaining = try field.number()
            case Tag.bodyLine: decoder.lineBytes = try field.number()
            case Tag.bodyDigits: decoder.digits = try field.number()
            case Tag.bufferLimit: bufferLimit = try field.number()
            case Tag.id: id = try field.number()
            case Tag.hasAddresses: hasAddresses = try field.number() != UInt32(0)
            case Tag.localAddress: try Self.read(field, into: &local)
            case Tag.localPort: local.port = try field.number()
            case Tag.directAddress: try Self.read(field, into: &direct)
            case Tag.directPort: direct.port = try field.number()
            case Tag.bucketWord: word = try field.number()
            case Tag.bucketMost: most = try field.number()
            case Tag.bucketPerSecond: perSecond = try field.number()
            case Self.logTag:
                log = try field.content()
                try LogRecord.read(log, into: nil, nil)
            default: break
            }
        }
        if most > 0 {
            guard let rate = TokenRate(most: most, perSecond: Double(bitPattern: perSecond)),
                TokenBucket.isSound(word, nowNs: UInt64(Int64.max))
            else { throw RecordError("tokens that are none") }
            bucket = ConnectionBucket(word: word, rate: rate)
        }
    }

    private static func read(_ field: RecordReader.Field, into remote: inout PeerAddress) throws(RecordError) {
        let bytes = try field.content()
        guard let start = bytes.start else { return }
        let raw = UnsafeRawPointer(start)
        switch bytes.count {
        case 4:
            remote.family = UInt16(AF_INET)
            remote.low = UInt64(raw.loadUnaligned(as: UInt32.self))
        case 16:
            remote.family = UInt16(AF_INET6)
            remote.high = raw.loadUnaligned(as: UInt64.self)
            remote.low = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        default: throw RecordError("a client's address of \(bytes.count) bytes")
        }
    }

    /// A position in the transaction's table of names, counted from 1 on the wire.
    static func position(_ field: RecordReader.Field) throws(RecordError) -> Int32 {
        let value: UInt32 = try field.number()
        guard value > 0, value <= UInt32(Int32.max) else { throw RecordError("field \(field.number) is out of range") }
        return Int32(value) - 1
    }
}

/// Socket addresses of hosts: `struct sockaddr` as the kernel knows it.
enum AddressRecord {
    static func write(_ address: UnsafePointer<cl_address>, _ tag: UInt32, into out: inout RecordWriter) {
        let length = Int(address.pointee.length)
        let offset = MemoryLayout<cl_address>.offset(of: \.words) ?? 8
        UnsafeRawPointer(address).advanced(by: offset).withMemoryRebound(to: UInt8.self, capacity: length) {
            out.blob(tag, $0, length)
        }
    }

    static func read(_ field: RecordReader.Field) throws(RecordError) -> cl_address {
        let bytes = try field.content()
        var address = cl_address()
        guard let start = bytes.start, bytes.count >= 2, bytes.count <= 128 else {
            throw RecordError("an address of \(bytes.count) bytes")
        }
        withUnsafeMutableBytes(of: &address.words) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: start, count: bytes.count))
        }
        address.length = UInt32(bytes.count)
        let family = cl_family(&address)
        let isWhole =
            switch family {
            case AF_INET: bytes.count == MemoryLayout<sockaddr_in>.size
            case AF_INET6: bytes.count == MemoryLayout<sockaddr_in6>.size
            case AF_UNIX: bytes.count <= MemoryLayout<sockaddr_un>.size
            default: false
            }
        guard isWhole else { throw RecordError("an address of family \(family) and \(bytes.count) bytes") }
        return address
    }
}
