import ProxyConfig
import Testing

@testable import Proxy

/// What the overload manager makes of a pressure, and what workers make of that.
@Suite struct OverloadStateTests {
    @Test func thresholdsAreAllOrNothing() {
        let action = OverloadAction(.shrinkHeap, .threshold(0.8))
        #expect(action.share(pressure: 0) == 0)
        #expect(action.share(pressure: 0.79) == 0)
        #expect(action.share(pressure: 0.8) == 1)
        #expect(action.share(pressure: 7) == 1)
    }

    @Test func scaledOnesGrow() {
        let action = OverloadAction(.shrinkHeap, .scaled(from: 0.5, to: 0.75))
        #expect(action.share(pressure: 0.5) == 0)
        #expect(action.share(pressure: 0.625) == 0.5)
        #expect(action.share(pressure: 0.75) == 1)
        #expect(action.share(pressure: 2) == 1)
    }

    @Test func partsDoNotTouchEachOther() {
        for part in OverloadState.Part.allCases {
            var state = OverloadState()
            #expect(!state.isAny)
            state.set(part, 1)
            for other in OverloadState.Part.allCases { #expect(state.share(other) == (other == part ? 0xFFFF : 0)) }
            #expect(state.stopsAccepting == (part == .connections))
            state.set(part, 0)
            #expect(!state.isAny)
        }
    }

    @Test(arguments: [0, 0.1, 0.5, 0.999, 1])
    func diceFallByTheShare(share: Double) {
        var random = SeededGenerator(seed: 3)
        var state = OverloadState()
        state.set(.requests, share)
        state.set(.keepalive, 1)
        let count = 20_000
        let hits = (0..<count).filter { _ in state.hits(.requests, random.next()) }.count
        #expect(abs(Double(hits) / Double(count) - share) < 0.02)
        if share == 0 { #expect(hits == 0) }
        if share == 1 { #expect(hits == count) }
        #expect(state.hits(.keepalive, .max) && state.hits(.keepalive, 0))
        #expect(!state.hits(.rejects, 0))
    }

    @Test func openConnectionsAreSummed() {
        let open = OpenConnections(workers: 3, listeners: 9)
        for worker in 0..<3 {
            for listener in 0..<9 { open.add(worker: worker, listener: listener, UInt64(listener)) }
            open.countRefused(worker: worker)
        }
        open.add(worker: 1, listener: 8, UInt64(bitPattern: -2))
        for listener in 0..<8 { #expect(open.count(listener: listener) == UInt64(3 * listener)) }
        #expect(open.count(listener: 8) == 22)
        #expect(open.total == 106)
        #expect(open.refused == 3)
    }

    @Test func memoryCanBeRead() throws {
        let memory = try #require(ProcessMemory.read())
        #expect(memory.resident > 1 << 20)
        #expect(memory.anonymous > 0 && memory.anonymous < memory.resident)
    }
}
