import CLinux
import ProxyConfig

/// The filter `buffer`, and what other filters need of it: requests that wait until their body is complete. What has come of it is
/// kept behind the head, in the stream's buffer, without any framing.
extension Worker {
    func passesBuffer(_ f: Filtered, _ position: Int32, most: UInt64, hasWaited: Bool) -> Bool {
        if hasWaited { return true }
        let isUpgrade = isUpgrade(f.head)
        if f.s.pointee.flags.contains(.requestEnded), !isUpgrade { return true }
        guard let waiting = filterState(f.s) else {
            answer(f, status: 503, body: "overloaded", .overload)
            return false
        }
        // An upgrade has no end: as in Envoy it waits until its time is over.
        hold(
            f, waiting, position, untilNs: FilterState.never,
            mostBody: f.s.pointee.flags.contains(.requestEnded) ? 0 : most)
        return false
    }

    /// What has been kept of the body goes behind the head of a stream that waits, or waits again.
    func keepGathered(_ s: StreamPointer, _ waiting: UnsafeMutablePointer<FilterState>, mostBody: UInt64) {
        waiting.pointee.mostBody = mostBody
        waiting.pointee.bodyStart = 0
        if mostBody == 0, gatheredBody.pointee.isEmpty { return }
        waiting.pointee.bodyStart = UInt32(truncatingIfNeeded: s.pointee.buffer.count)
        if !gatheredBody.pointee.isEmpty {
            s.pointee.buffer.append(gatheredBody.pointee.bytes, gatheredBody.pointee.count)
        }
        s.pointee.flags.insert(.gathered)
    }

    /// The request that has waited for its body has gone on, waits again, or is answered.
    func dropGathered() {
        if gatheredBody.pointee.count > Self.bodyToKeepRoomFor { out.giveBack(capacity: Self.bodyToKeepRoomFor) }
        gatheredBody.pointee.free()
    }

    /// What is larger leaves no memory behind.
    private static let bodyToKeepRoomFor = 1 << 18

    /// Keeps a piece of a body that is waited for; returns how many bytes it used. The request goes on with the last.
    @inline(never)
    func gatherBody(
        _ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let waiting = filterStates[s.pointee.filter]
        var p = 0
        while true {
            switch c.pointee.decoder.next(bytes + p, count - p) {
            case .data(let offset, let length, let consumed):
                if s.pointee.log >= 0 { accessLog.entries[s.pointee.log].pointee.bytesReceived &+= UInt64(length) }
                let whole = UInt64(s.pointee.buffer.count &+ length) &- UInt64(waiting.pointee.bodyStart)
                if whole > waiting.pointee.mostBody {
                    refuseBody(slot, c, s)
                    return count
                }
                s.pointee.buffer.append(bytes + p + offset, length)
                p += consumed
                if c.pointee.decoder.isDone {
                    endGathering(slot, c, s)
                    return p
                }
            case .trailer(_, _, let consumed):
                // With a length there are none.
                if c.pointee.decoder.hasForbiddenTrailer {
                    failRequest(slot, c, .badTrailer)
                    return count
                }
                p += consumed
            case .needMore(let consumed): return p + consumed
            case .end(let consumed):
                endGathering(slot, c, s)
                return p + consumed
            case .failed(let error):
                failRequest(slot, c, error)
                return count
            }
            if p >= count { return p }
        }
    }

    private func refuseBody(_ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer) {
        listenerStats[Int(c.pointee.listener)].http[.downstream_rq_too_large].increment()
        note(s, .requestTooLarge)
        reply(slot, c, status: 413, body: "Payload Too Large", close: true)
    }

    private func endGathering(_ slot: Int32, _ c: ConnectionPointer, _ s: StreamPointer) {
        c.pointee.flags.remove(.inBody)
        s.pointee.flags.insert(.requestEnded)
        s.pointee.requestEndNs = state.pointee.nowNs
        resumeFiltered(slot, c)
    }

    /// A head whose body came in chunks says its length instead. It is the one that filters have made.
    func giveLength(_ head: UnsafeMutablePointer<MessageHead>) {
        let base = head.pointee.base
        out.clear()
        let line = head.pointee.count > 0 ? Int(head.pointee.fields[0].name) : filteredHead.count - 2
        out.append(base, line)
        for i in 0..<head.pointee.count where head.pointee.fields[i].id != .transferEncoding {
            // As it stands there: names may have capitals (`HeaderCase`).
            let field = head.pointee.fields[i]
            out.append(Bytes(base + Int(field.name), Int(field.nameLength)))
            out.append(": ")
            out.append(Bytes(base + Int(field.value), Int(field.valueLength)))
            out.append("\r\n")
        }
        out.append("content-length: ")
        out.append(decimal: UInt64(gatheredBody.pointee.count))
        out.append("\r\n\r\n")
        filteredHead.clear()
        filteredHead.append(out.bytes, out.count)
        out.clear()
        // There are no more fields than before.
        _ = readFiltered(head)
    }
}
