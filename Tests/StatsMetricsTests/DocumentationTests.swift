import RegionTesting
import SharedMemory
import Stats
import Testing
import ThreadTesting

/// The code of the DocC articles, as it stands there but for the base id.
@Suite(.timeLimit(.minutes(Pace.minutes(1))))
struct DocumentationTests {
    /// SharedMemory: Count things that survive your process.
    @Test(arguments: [1, 3])
    func cells(lives: UInt64) throws {
        try withScratch { scratch in
            for life in 1...lives {
                let anchor = try Anchor(baseID: scratch.baseID)
                let (region, origin) = try SharedRegion.attach(anchor)
                try region.claimSlot(epoch: 0, socketPath: "")
                withExtendedLifetime(anchor) {}
                #expect(origin == (life == 1 ? .created : .continued))

                func find(_ name: String) throws -> UInt32? {
                    var found: UInt32?
                    _ = try region.readLog(from: 0) { record in
                        let bytes = record.dropFirst(region.recordLength).prefix { $0 != 0 }
                        guard String(decoding: bytes, as: UTF8.self) == name else { return }
                        found = record.loadUnaligned(fromByteOffset: 8, as: UInt32.self)
                    }
                    return found
                }
                func record(_ name: String, cell: UInt32) -> [UInt8] {
                    let length = (region.recordLength + name.utf8.count + 8) / 8 * 8
                    var bytes = [UInt8](repeating: 0, count: length)
                    bytes.withUnsafeMutableBytes { buffer in
                        buffer.storeBytes(of: UInt32(length), toByteOffset: 0, as: UInt32.self)
                        buffer[4] = 1
                        buffer.storeBytes(of: cell, toByteOffset: 8, as: UInt32.self)
                        buffer[region.recordLength...].copyBytes(from: name.utf8)
                    }
                    return bytes
                }
                let visits = try region.append(
                    cells: 1, find: { try? find("visits") }, make: { record("visits", cell: $0) })

                let plane = try region.claimPlane(gauges: { [] })
                let cell = try plane.cell(visits, cells: 1)
                cell.pointee &+= 1

                let reader = try RegionReader(baseID: scratch.baseID)
                var total: UInt64 = 0
                for plane in 0..<reader.planeCount {
                    reader.cells(plane: plane) { first, cells in
                        let place = Int(visits) - first
                        if cells.indices.contains(place) { total &+= cells[place] }
                    }
                }
                #expect(total == life)
                withExtendedLifetime(plane) {}
            }
        }
    }

    /// Stats: Count things that survive your process, and Read them from outside.
    @Test func stats() throws {
        try withScratch { scratch in
            let anchor = try Anchor(baseID: scratch.baseID)
            let (region, _) = try SharedRegion.attach(anchor)
            try region.claimSlot(epoch: 0, socketPath: "")
            try region.commitSlot()
            withExtendedLifetime(anchor) {}
            let store = StatsStore(region: region)

            let requests = store.counter("requests")
            let active = store.gauge("active", import: .accumulate)
            let time = store.histogram("request_time", unit: .milliseconds)

            let writer = store.makeWriter()
            let counted = writer.counter(requests)
            let gauge = writer.gauge(active)
            let histogram = writer.histogram(time)
            store.topUp()
            gauge.add(1)
            counted.increment()
            histogram.record(12)
            gauge.sub(1)

            let snapshot = StatsSnapshot(try RegionReader(baseID: scratch.baseID))
            let text = snapshot.formatted(.text)
            #expect(text.hasPrefix("active: 0\nrequests: 1\n"))
            #expect(text.contains("\nrequest_time: P0(nan,12"))
            #expect(snapshot.stats.compactMap(\.histogram).map(\.sum) == [12])
        }
    }
}
