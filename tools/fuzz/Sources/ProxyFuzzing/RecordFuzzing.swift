import CLinux
import HotRestart
import ProxyConfig

@testable import HotRestart
@testable import Proxy

/// What another process sends in a hot restart: a message, or a record of what is in messages. What was understood is
/// written and read again, and is the same.
///
/// An input begins with a byte that says what it claims to be.
final class RecordFuzzing {
    private let logs: ListenerLogs
    private let entry: UnsafeMutablePointer<LogEntry>

    init() throws {
        let text = "%REQ(X)% %RESP(Y)% %ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_HOST%"
        let log = AccessLog(
            sink: .standardOutput, format: LogFormat(.text(try LogFormatParser.parse(text))),
            location: SourceLocation(file: "fuzz", line: 1, column: 1))
        guard let logs = ListenerLogs([log], sinks: [.standardOutput: 0], shares: RuntimeShares()) else {
            preconditionFailure("a listener without logs")
        }
        self.logs = logs
        entry = .allocate(capacity: 1)
        entry.initialize(to: LogEntry())
    }

    deinit {
        entry.pointee.values.free()
        entry.deallocate()
    }

    func run(_ input: UnsafeBufferPointer<UInt8>) throws -> String {
        var reader = InputReader(input)
        let kind = reader.byte()
        let descriptors = kind % 16 == 0 ? Int(reader.byte()) : 0
        let copy = ExactCopy(reader.all())
        let bytes = UnsafeBufferPointer(start: copy.bytes, count: copy.count)
        let record = RecordBytes(copy.bytes, copy.count)
        defer { _ = copy.count }
        switch kind % 16 {
        case 0: return try message(Array(bytes), descriptors)
        case 1: return try transaction(record)
        case 2: return try unit(UnitRecord(record), copy.bytes, copy.count)
        case 3:
            for early in try AheadRecord(bytes).early where early.count > 0 {
                precondition(early.start >= 0 && early.start + early.count <= copy.count, "outside of the record")
            }
            return "ahead"
        case 4:
            let health = try HostHealthRecord(Array(bytes))
            let again = try HostHealthRecord(health.encoded())
            precondition(again == health, "host-health is another one")
            return "host-health"
        case 5:
            let hosts = try HostsRecord(Array(bytes))
            let again = try HostsRecord(hosts.encoded())
            precondition(again == hosts, "hosts are others")
            for address in hosts.names.flatMap(\.addresses) { _ = SocketAddress.text(address) }
            return "hosts"
        case 6:
            let runtime = try RuntimeRecord(Array(bytes))
            let again = try RuntimeRecord(runtime.encoded())
            precondition(again == runtime, "runtime is another one")
            return "runtime"
        case 7:
            let health = try HealthRecord(Array(bytes))
            let again = try HealthRecord(health.encoded())
            precondition(again == health, "health is another one")
            return "health"
        case 8:
            let answer = try AnswerRecord(Array(bytes), units: 1000)
            let again = try AnswerRecord(answer.encoded(), units: 1000)
            precondition(again == answer, "the answer is another one")
            return "answer"
        case 9:
            entry.pointee.reset(names: logs.nameCount, startNs: 1, startWallNs: 1)
            try LogRecord.read(record, into: entry, logs)
            try log()
            return "log"
        case 10:
            let state = try RetryRecord.read(record)
            var out = RecordWriter()
            RetryRecord.write(state, 1, into: &out)
            return "retry"
        case 11: return try state(bytes)
        default: return "nothing"
        }
    }

    private func message(_ datagram: [UInt8], _ descriptors: Int) throws -> String {
        let envelope = try MessageCodec.decode(datagram, descriptors: descriptors)
        if case .ignored = envelope.message { return "ignored" }
        let again = try MessageCodec.encode(
            envelope.message, sequence: envelope.sequence, descriptors: descriptors)
        let decoded = try MessageCodec.decode(again, descriptors: descriptors)
        precondition(decoded.message == envelope.message && decoded.sequence == envelope.sequence, "another message")
        return "message"
    }

    private func transaction(_ record: RecordBytes) throws -> String {
        let transaction = try TransactionRecord(record)
        var out = RecordWriter()
        transaction.write(into: &out)
        guard let start = out.bytes.baseAddress else { preconditionFailure("nothing is written") }
        let again = out.bytes.isEmpty ? nil : try TransactionRecord(RecordBytes(start, out.bytes.count))
        precondition(again ?? transaction == transaction, "the transaction is another one")
        return "transaction"
    }

    private func unit(_ unit: UnitRecord, _ start: UnsafePointer<UInt8>, _ count: Int) throws -> String {
        func check(_ bytes: RecordBytes) {
            guard let inner = bytes.start else { return }
            precondition(inner >= start && inner + bytes.count <= start + count, "outside of the record")
        }
        check(unit.unchanged)
        for connection in [try unit.downstream(), try unit.upstream()] {
            guard let connection else { continue }
            for bytes in [connection.input, connection.output, connection.log] { check(bytes) }
            precondition(connection.listener >= -1 && connection.cluster >= -1)
        }
        if let stream = try unit.stream() {
            check(stream.buffer)
            check(stream.log)
        }
        return "unit"
    }

    /// What came over is in the log again.
    private func log() throws {
        var out = RecordWriter()
        LogRecord.write(entry, logs, 1, into: &out)
        guard let start = out.bytes.baseAddress, var reader = RecordReader(RecordBytes(start, out.count)),
            let field = try reader.field()
        else { preconditionFailure("nothing is written") }
        try LogRecord.read(try field.content(), into: nil, logs)
    }

    private func state(_ bytes: UnsafeBufferPointer<UInt8>) throws -> String {
        var reader = InputReader(bytes)
        var assembler = StateAssembler()
        while !reader.isEmpty {
            let how = reader.byte()
            let name = String(decoding: reader.bytes(Int(how & 3)), as: UTF8.self)
            let piece = StatePart.Piece(
                name: name, bytes: Array(reader.bytes(Int(reader.byte()))), continues: how & 4 != 0)
            try assembler.add(StatePart(pieces: [piece], isLast: how & 8 != 0))
        }
        return "state"
    }
}
