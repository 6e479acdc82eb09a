import CLinux
import Glibc
import HotRestart
import Testing

@Suite struct RestartChannelTests {
    @Test(arguments: Samples.messages) func everyMessageTravels(_ message: Message) throws {
        let link = try Link()
        let events = OwnedDescriptor(cl_eventfd())
        let count = Samples.descriptors(of: message)
        try link.parent.send(message, descriptors: [Int32](repeating: events.raw, count: count))
        let (received, descriptors) = try link.child.receive().message()
        #expect(received == message)
        #expect(descriptors.count == count)
        #expect(link.child.receive().wouldBlock)
    }

    /// More descriptors than one message may hold, each still the one that its record names.
    @Test func manyDescriptorsTravel() throws {
        let link = try Link()
        let total = 450
        var values = (0..<total).map { _ in OwnedDescriptor(cl_eventfd()) }
        for (index, events) in values.enumerated() {
            var value = UInt64(index + 1)
            #expect(cl_write(events.raw, &value, 8) == 8)
        }
        for start in stride(from: 0, to: total, by: Wire.maximumDescriptors) {
            let range = start..<min(start + Wire.maximumDescriptors, total)
            let records = range.map { ListenerRecord(name: "\($0 + 1)", address: "x") }
            try link.parent.send(
                .listeners(ListenersPart(records: records, isLast: range.upperBound == total)),
                descriptors: range.map { values[$0].raw })
        }
        values = []
        var seen = 0
        var isLast = false
        while !isLast {
            let (message, descriptors) = try link.child.receive(deadlineNs: soon()).message()
            guard case .listeners(let part) = message else { throw Failure(text: "\(message)") }
            for (record, descriptor) in zip(part.records, descriptors) {
                var value: UInt64 = 0
                #expect(cl_read(descriptor.raw, &value, 8) == 8)
                #expect(record.name == "\(value)")
                #expect(fcntl(descriptor.raw, F_GETFD) & FD_CLOEXEC != 0)
                seen += 1
            }
            isLast = part.isLast
        }
        #expect(seen == total)
    }

    /// What a peer passes does not block this side's event loop, whatever it was; both sides see the flag.
    @Test func whatIsReceivedDoesNotBlock() throws {
        let link = try Link()
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0)
        let sent = ends.map { OwnedDescriptor($0) }
        let messages: [(Message, Int)] = [
            (.listeners(ListenersPart(records: [ListenerRecord(name: "blocking", address: "x")], isLast: true)), 0),
            (.ahead(bytes: []), 1),
        ]
        for (message, index) in messages {
            #expect(fcntl(sent[index].raw, F_GETFL) & O_NONBLOCK == 0)
            try link.parent.send(message, descriptors: [sent[index].raw])
            let (_, descriptors) = try link.child.receive().message()
            #expect(descriptors.count == 1)
            for descriptor in descriptors {
                #expect(fcntl(descriptor.raw, F_GETFL) & O_NONBLOCK != 0)
                #expect(fcntl(descriptor.raw, F_GETFD) & FD_CLOEXEC != 0)
                var byte: UInt8 = 0
                #expect(cl_read(descriptor.raw, &byte, 1) == -Int(EAGAIN))
            }
            #expect(fcntl(sent[index].raw, F_GETFL) & O_NONBLOCK != 0)
        }
    }

    @Test func whatFindsNoRoomWaits() throws {
        let link = try Link()
        let canary = try Canary()
        let bytes = [UInt8](repeating: 7, count: 60_000)
        var sent = 0
        while !link.parent.wantsWrite, sent < 1000 {
            try link.parent.send(
                .state(StatePart(pieces: [.init(name: "\(sent)", bytes: bytes, continues: false)], isLast: false)))
            sent += 1
        }
        #expect(link.parent.wantsWrite)
        // The sender may close its descriptor although the message still waits.
        let record = ListenerRecord(name: "canary", address: "x")
        try link.parent.send(
            .listeners(ListenersPart(records: [record], isLast: true)), descriptors: [canary.writing.raw])
        canary.writing.close()
        #expect(!canary.isGone)
        for index in 0..<sent {
            let (message, _) = try link.child.receive(deadlineNs: soon()).message()
            guard case .state(let part) = message else { throw Failure(text: "\(message)") }
            #expect(part.pieces.first?.name == "\(index)")
            try link.parent.flush()
        }
        do {
            let (message, descriptors) = try link.child.receive(deadlineNs: soon()).message()
            #expect(message.type == .listeners)
            #expect(descriptors.count == 1)
            #expect(!canary.isGone)
        }
        #expect(canary.isGone)
        #expect(try link.parent.flush(deadlineNs: soon()))
    }

    #if DEBUG
        /// Neither the message nor its descriptor is lost to a kernel that is short of memory.
        @Test(arguments: [ENOMEM, ENOBUFS, ETOOMANYREFS])
        func shortageIsWaitedFor(_ code: Int32) throws {
            let link = try Link()
            let canary = try Canary()
            link.parent.fault = ChannelFault(code: code, sends: 2)
            let record = ListenerRecord(name: "canary", address: "x")
            try link.parent.send(
                .listeners(ListenersPart(records: [record], isLast: true)), descriptors: [canary.writing.raw])
            canary.writing.close()
            #expect(link.parent.wantsWrite)
            try link.parent.flush()
            #expect(link.parent.wantsWrite)
            try link.parent.flush()
            #expect(!link.parent.wantsWrite)
            #expect(!canary.isGone)
            guard code != ETOOMANYREFS else { return }
            link.child.fault = ChannelFault(code: code, sends: 0, receives: 2)
            for _ in 0..<2 { #expect(link.child.receive().wouldBlock) }
            let (message, descriptors) = try link.child.receive().message()
            #expect(message.type == .listeners)
            #expect(descriptors.count == 1)
        }
    #endif

    /// ABORT takes the place of what waits, and a full queue has room for it.
    @Test func theLastWordFindsRoom() throws {
        let link = try Link()
        let canary = try Canary()
        let part = Message.connections(ConnectionsPart(bytes: [UInt8](repeating: 7, count: 60_000), isLast: false))
        var sent = 0
        while !link.parent.wantsWrite {
            try link.parent.send(part)
            sent += 1
        }
        try link.parent.send(part, descriptors: [canary.writing.raw])
        canary.writing.close()
        try link.parent.send(.abort(reason: "no"))
        #expect(!link.parent.wantsWrite)
        #expect(canary.isGone)
        link.parent.close()
        // The first that had to wait was dropped.
        for _ in 1..<sent { #expect(try link.child.receive().message().0 == part) }
        #expect(try link.child.receive().message().0 == .abort(reason: "no"))
        #expect(link.child.receive().isClosed)
    }

    @Test func flushGivesUpInTime() throws {
        let link = try Link()
        let bytes = [UInt8](repeating: 7, count: 60_000)
        while !link.parent.wantsWrite {
            try link.parent.send(
                .state(StatePart(pieces: [.init(name: "s", bytes: bytes, continues: false)], isLast: false)))
        }
        #expect(try !link.parent.flush(deadlineNs: cl_monotonic_ns() + 5_000_000))
        link.child.close()
        #expect(try !link.parent.flush(deadlineNs: soon()))
        #expect(!link.parent.wantsWrite)
    }

    /// The last word of a process that closes with our messages unread is heard.
    @Test func lastWordsAreHeard() throws {
        let link = try Link()
        try link.child.send(.ready)
        try link.parent.send(.abort(reason: "no"))
        link.parent.close()
        #expect(try link.child.receive().message().0 == .abort(reason: "no"))
        #expect(link.child.receive().isClosed)
        try link.child.send(.bye)
        #expect(link.child.receive().isClosed)
    }

    @Test func descriptorsOfADroppedMessageAreClosed() throws {
        let link = try Link()
        let canary = try Canary()
        let part = ListenersPart(records: [ListenerRecord(name: "a", address: "x")], isLast: true)
        try link.parent.send(.listeners(part), descriptors: [canary.writing.raw])
        canary.writing.close()
        #expect(!canary.isGone)
        _ = link.child.receive()
        #expect(canary.isGone)
    }

    @Test func descriptorsOnTheWayAreClosedWithTheLink() throws {
        let link = try Link()
        let canary = try Canary()
        let part = ListenersPart(records: [ListenerRecord(name: "a", address: "x")], isLast: true)
        try link.parent.send(.listeners(part), descriptors: [canary.writing.raw])
        canary.writing.close()
        link.child.close()
        link.parent.close()
        #expect(canary.isGone)
    }

    /// Datagrams with descriptors that are no messages: errors, no leaks, and the link stays usable.
    @Test func malformedDatagramsLeakNothing() throws {
        let link = try Link()
        let good = try MessageCodec.encode(.ready, sequence: 0)
        let samples: [(bytes: [UInt8], count: Int)] = [
            ([1, 2, 3], 1), (good, 2), ([UInt8](repeating: 0, count: 65536), 253),
        ]
        for (bytes, count) in samples {
            let canary = try Canary()
            let descriptors = [Int32](repeating: canary.writing.raw, count: count)
            let sent = cl_send_message(link.parent.descriptor, bytes, bytes.count, descriptors, Int32(count))
            #expect(sent == bytes.count)
            canary.writing.close()
            #expect(link.child.receive().error != nil)
            #expect(canary.isGone)
        }
        // A datagram beyond the limit is cut short by the kernel.
        let canary = try Canary()
        let large = [UInt8](repeating: 0, count: 70_000)
        #expect(cl_send_message(link.parent.descriptor, large, large.count, [canary.writing.raw], 1) == large.count)
        canary.writing.close()
        #expect(link.child.receive().error == .cutShort)
        #expect(canary.isGone)
        // The count of messages is off now; it is said once.
        try link.parent.send(.ready)
        #expect(link.child.receive().error == .sequence(expected: 4, found: 0))
        try link.parent.send(.bye)
        #expect(try link.child.receive().message().0 == .bye)
    }

    @Test func anEmptyDatagramIsAnEnd() throws {
        let link = try Link()
        let canary = try Canary()
        #expect(cl_send_message(link.parent.descriptor, [UInt8](), 0, [canary.writing.raw], 1) == 0)
        canary.writing.close()
        #expect(link.child.receive().isClosed)
        #expect(canary.isGone)
    }

    @Test func receivingHasADeadline() throws {
        let link = try Link()
        let start = cl_monotonic_ns()
        #expect(try link.child.receive(deadlineNs: start + 30_000_000).wouldBlock)
        let took = cl_monotonic_ns() - start
        #expect(took >= 30_000_000 && took < 5_000_000_000)
    }

    @Test func whatCannotBeEncodedIsNotSent() throws {
        let link = try Link()
        #expect(throws: RestartSocketError.self) { try link.parent.send(.ready, descriptors: [0]) }
        let long = String(repeating: "x", count: 70_000)
        #expect(throws: RestartSocketError.self) { try link.parent.send(.abort(reason: long)) }
        try link.parent.send(.ready)
        #expect(try link.child.receive().message().0 == .ready)
    }

    @Test func theOtherProcessIsKnown() throws {
        let link = try Link()
        let process = try #require(link.parent.peerProcess(claimed: UInt64(getpid())))
        #expect(process.pid == getpid())
        #expect(!process.hasEnded)
        #expect(link.parent.peerProcess(claimed: UInt64(getpid()) + 1) == nil)
        #expect(DescriptorBudget.free() > 0)
    }
}
