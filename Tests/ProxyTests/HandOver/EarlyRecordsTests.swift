import CLinux
import Glibc
import HotRestart
import Testing

@testable import Proxy

/// Connections at rest that come ahead of the freeze as a whole: held, replaced, refused, forgotten, and never trusted.
@Suite struct EarlyRecordsTests {
    private typealias Sockets = HostileConnectionsTests.Sockets
    private typealias Child = HostileConnectionsTests.Child

    private static let ids = (0..<3).map { AheadID.make($0 % 2, Int32($0), 7) }

    /// AHEAD with a descriptor and a record for each of `ids`.
    private static func ahead(
        _ ids: [UInt64] = Self.ids, workers: UInt64 = 2, listener: String = "l", withInput: Bool = false,
        silentSeconds: UInt64 = 0
    ) -> [UInt8] {
        var out = RecordWriter()
        out.number(AheadRecord.Tag.workers, workers)
        let name = out.begin(AheadRecord.Tag.listener)
        out.number(AheadRecord.Tag.position, 1)
        out.text(AheadRecord.Tag.name, listener)
        out.end(name)
        for id in ids {
            out.number(AheadRecord.Tag.id, id)
            let early = out.begin(AheadRecord.Tag.early)
            out.number(AheadRecord.Tag.earlyID, id)
            connection(AheadRecord.Tag.record, withInput, silentSeconds, into: &out)
            out.end(early)
        }
        return Array(out.bytes)
    }

    private static func connection(
        _ tag: UInt32, _ withInput: Bool, _ silentSeconds: UInt64 = 0, into out: inout RecordWriter
    ) {
        let c = ConnectionPointer.allocate(capacity: 1)
        defer { c.deallocate() }
        c.initialize(to: Connection())
        c.pointee.kind = .downstreamHTTP
        c.pointee.flags = [.used]
        c.pointee.requests = 3
        // Else its idle timeout is over, an hour after the machine has started.
        c.pointee.createdNs = cl_monotonic_ns() - silentSeconds * 1_000_000_000
        c.pointee.lastActivityNs = c.pointee.createdNs
        if withInput { Array("GET".utf8).withUnsafeBufferPointer { c.pointee.input.append($0.baseAddress!, 3) } }
        let start = out.begin(tag)
        ConnectionRecord.write(c, listener: 0, cluster: -1, host: nil, into: &out)
        out.end(start)
        c.pointee.input.free()
    }

    /// A transaction that says of some that they are unchanged and brings new records of others.
    private static func transaction(
        units: UInt64, unchanged: [UInt64], changed: [UInt64] = [], firstOrdinal: UInt64? = nil
    ) -> [UInt8] {
        var out = RecordWriter()
        var header = TransactionRecord()
        header.units = units
        header.workers = 2
        header.listeners = [.init(name: "l", statName: "l")]
        var frame = out.beginFrame()
        header.write(into: &out)
        out.endFrame(frame)
        for (ordinal, id) in changed.enumerated() {
            frame = out.beginFrame()
            out.number(UnitRecord.Tag.ordinal, UInt64(ordinal))
            out.number(UnitRecord.Tag.downstreamAhead, id)
            connection(UnitRecord.Tag.downstream, true, into: &out)
            out.endFrame(frame)
        }
        if !unchanged.isEmpty {
            frame = out.beginFrame()
            out.number(UnitRecord.Tag.ordinal, firstOrdinal ?? UInt64(changed.count))
            out.words(UnitRecord.Tag.unchanged, unchanged[...])
            out.endFrame(frame)
        }
        return Array(out.bytes)
    }

    private static func next(_ sockets: Sockets, _ count: Int) throws -> [OwnedDescriptor] {
        try (0..<count).map { _ in try sockets.next() }
    }

    /// Who has been silent for long is registered only when all are served.
    @Test(arguments: [2, 5], [0, 20]) func whatIsUnchangedIsServed(_ workers: UInt64, silentSeconds: UInt64) throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        let descriptors = try Self.next(sockets, 3)
        let ahead = Self.ahead(workers: workers, silentSeconds: silentSeconds)
        #expect(child.pool.adoptAhead(ahead, descriptors) == nil)
        #expect(child.pool.adoptConnections(Self.transaction(units: 3, unchanged: Self.ids), []) == nil)
        let (answer, problem) = child.pool.connectionAnswer()
        #expect(problem == nil)
        #expect(try AnswerRecord(answer, units: 3) == AnswerRecord())
        #expect(descriptors.allSatisfy { $0.raw < 0 }, "they are the workers'")
        child.pool.countAdopted()
        child.pool.activateConnections()
        child.park()
        #expect(child.pool.connectionCount == 3)
        child.pool.resumeParked()
        // Served: a bad request is answered.
        for peer in sockets.peers {
            #expect("x\r\n\r\n".withCString { cl_send(peer, $0, 5, 0) } == 5)
            var entry = pollfd(fd: peer, events: Int16(POLLIN), revents: 0)
            #expect(poll(&entry, 1, 10_000) == 1)
        }
    }

    /// What they do before they are registered is not lost.
    @Test func silentOnesMayHaveSpokenOrLeftMeanwhile() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        #expect(child.pool.adoptAhead(Self.ahead(silentSeconds: 20), try Self.next(sockets, 3)) == nil)
        #expect("x\r\n\r\n".withCString { cl_send(sockets.peers[0], $0, 5, 0) } == 5)
        #expect(shutdown(sockets.peers[1], Int32(CL_SHUT_WRITE)) == 0)
        #expect(child.pool.adoptConnections(Self.transaction(units: 3, unchanged: Self.ids), []) == nil)
        #expect(child.pool.connectionAnswer().problem == nil)
        child.pool.countAdopted()
        child.pool.activateConnections()
        // An answer, and the end of the one that has left.
        for peer in sockets.peers[0...1] {
            var entry = pollfd(fd: peer, events: Int16(POLLIN), revents: 0)
            #expect(poll(&entry, 1, 10_000) == 1)
        }
        #expect("x\r\n\r\n".withCString { cl_send(sockets.peers[2], $0, 5, 0) } == 5)
        var entry = pollfd(fd: sockets.peers[2], events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 10_000) == 1)
    }

    /// The record that came ahead holds no more: the new one is served, and its descriptor with it.
    @Test func aSilentOneThatHasChangedIsServed() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        #expect(child.pool.adoptAhead(Self.ahead(silentSeconds: 20), try Self.next(sockets, 3)) == nil)
        let bytes = Self.transaction(units: 3, unchanged: Array(Self.ids[1...]), changed: [Self.ids[0]])
        #expect(child.pool.adoptConnections(bytes, []) == nil)
        #expect(child.pool.connectionAnswer().problem == nil)
        child.pool.countAdopted()
        child.pool.activateConnections()
        // "GET" has come already.
        #expect(" x\r\n\r\n".withCString { cl_send(sockets.peers[0], $0, 6, 0) } == 6)
        var entry = pollfd(fd: sockets.peers[0], events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 10_000) == 1)
    }

    @Test func whatHasChangedComesAnewAndWhatIsNotNamedIsClosed() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        let descriptors = try Self.next(sockets, 3)
        #expect(child.pool.adoptAhead(Self.ahead(), descriptors) == nil)
        let bytes = Self.transaction(units: 2, unchanged: [Self.ids[2]], changed: [Self.ids[0]])
        #expect(child.pool.adoptConnections(bytes, []) == nil)
        let (answer, problem) = child.pool.connectionAnswer()
        #expect(problem == nil)
        #expect(try AnswerRecord(answer, units: 2) == AnswerRecord())
        child.pool.countAdopted()
        child.pool.activateConnections()
        child.park()
        #expect(child.pool.connectionCount == 2)
        child.pool.resumeParked()
        // The one in the middle has ended at the parent.
        var entry = pollfd(fd: sockets.peers[1], events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 10_000) == 1)
        #expect(entry.revents & Int16(POLLHUP) != 0)
    }

    @Test func aListenerThatIsGoneStaysWithTheParent() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        #expect(child.pool.adoptAhead(Self.ahead(listener: "gone"), try Self.next(sockets, 3)) == nil)
        #expect(child.pool.adoptConnections(Self.transaction(units: 3, unchanged: Self.ids), []) == nil)
        let (answer, problem) = child.pool.connectionAnswer()
        #expect(problem == nil)
        let refused = try AnswerRecord(answer, units: 3).refused
        #expect(refused.map(\.reason) == ["its listener is not in the new configuration"])
        #expect(refused.first?.ordinals == [0, 1, 2])
        child.pool.dropConnections()
        child.pool.resumeParked()
    }

    @Test func aRecordThatDoesNotRestIsRefused() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        #expect(child.pool.adoptAhead(Self.ahead(withInput: true), try Self.next(sockets, 3)) == nil)
        #expect(child.pool.adoptConnections(Self.transaction(units: 3, unchanged: Self.ids), []) == nil)
        #expect(try AnswerRecord(child.pool.connectionAnswer().answer, units: 3).refused.first?.ordinals == [0, 1, 2])
        child.pool.dropConnections()
        child.pool.resumeParked()
    }

    @Test func aDeadParentsAreForgotten() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        #expect(child.pool.adoptAhead(Self.ahead(), try Self.next(sockets, 3)) == nil)
        child.pool.dropConnections()
        for peer in sockets.peers {
            var entry = pollfd(fd: peer, events: Int16(POLLIN), revents: 0)
            #expect(poll(&entry, 1, 10_000) == 1)
        }
        child.pool.resumeParked()
        child.park()
        #expect(child.pool.connectionCount == 0)
        child.pool.resumeParked()
    }

    @Test func whatDoesNotFitIsAnError() throws {
        let child = try Child()
        let sockets = Sockets()
        child.park()
        func begin() throws {
            child.pool.dropConnections()
            #expect(child.pool.adoptAhead(Self.ahead(), try Self.next(sockets, 3)) == nil)
        }
        let wrong: [[UInt8]] = [
            // Never came.
            Self.transaction(units: 1, unchanged: [AheadID.make(0, 9, 9)]),
            // Named twice.
            Self.transaction(units: 4, unchanged: Self.ids + [Self.ids[0]]),
            // More than announced, and ordinals that no unit has.
            Self.transaction(units: 2, unchanged: Self.ids),
            Self.transaction(units: 3, unchanged: Self.ids, firstOrdinal: 1),
            Self.transaction(units: 3, unchanged: Self.ids, firstOrdinal: .max),
        ]
        for bytes in wrong {
            try begin()
            #expect(child.pool.adoptConnections(bytes, []) != nil)
        }
        // Half a word.
        try begin()
        var half = Self.transaction(units: 3, unchanged: Self.ids)
        let place = half.count - 8 * 3 - 1
        half[place] -= 4
        half.removeLast(4)
        let frame = place - 2
        half[frame - 4 - 0] -= 4
        #expect(child.pool.adoptConnections(half, []) != nil || child.pool.connectionAnswer().problem != nil)
        // A record without its descriptor.
        child.pool.dropConnections()
        var lone = RecordWriter()
        lone.number(AheadRecord.Tag.workers, 2)
        let early = lone.begin(AheadRecord.Tag.early)
        lone.number(AheadRecord.Tag.earlyID, Self.ids[0])
        lone.end(early)
        #expect(child.pool.adoptAhead(Array(lone.bytes), []) != nil)
        child.pool.dropConnections()
        child.pool.resumeParked()
    }

    /// Bits flipped anywhere: refused, or served with peers that go away.
    @Test func changedRecordsDoNoHarm() throws {
        var generator = SystemRandomNumberGenerator()
        let child = try Child()
        for _ in 0..<800 {
            let sockets = Sockets()
            var bytes = Self.ahead()
            var transaction = Self.transaction(units: 3, unchanged: [Self.ids[1], Self.ids[2]], changed: [Self.ids[0]])
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                transaction[Int.random(in: 0..<transaction.count, using: &generator)] ^= 1
            }
            child.park()
            let problem =
                child.pool.adoptAhead(bytes, try Self.next(sockets, 3)) ?? child.pool.adoptConnections(transaction, [])
            if problem == nil, child.pool.connectionAnswer().problem == nil {
                child.pool.countAdopted()
                child.pool.activateConnections()
            } else {
                child.pool.dropConnections()
                child.pool.resumeParked()
            }
        }
    }
}
