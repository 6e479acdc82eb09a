import Testing

@testable import Proxy

@Suite struct SlabTests {
    @Test func slotsBeginEmptyAndKeepTheirContent() {
        let slab = Slab<UInt64>(empty: 42, limit: 1000)
        #expect(slab.count == 0)
        let indices = (0..<600).map { _ in slab.take() }
        #expect(Set(indices) == Set(0..<600))
        #expect(slab.count == 600)
        for index in indices {
            #expect(slab[index].pointee == 42)
            slab[index].pointee = UInt64(index)
        }
        for index in indices { #expect(slab[index].pointee == UInt64(index)) }
    }

    @Test func addressesAreStable() {
        let slab = Slab<UInt64>(empty: 0, limit: 10000)
        let first = slab.take()
        let address = slab[first]
        for _ in 0..<5000 { _ = slab.take() }
        #expect(slab[first] == address)
    }

    @Test func slotsAreUsedAgain() {
        let slab = Slab<UInt64>(empty: 7, limit: 100)
        let a = slab.take()
        let b = slab.take()
        slab[a].pointee = 1
        slab.give(a)
        #expect(slab.count == 2)
        let again = slab.take()
        #expect(again == a)
        #expect(slab[again].pointee == 1, "the content is what the last user left")
        #expect(slab.take() != b)
        #expect(slab.count == 3)
    }

    /// More slots given back than the list of free ones first has room for.
    @Test func manySlotsGivenBack() {
        let slab = Slab<UInt64>(empty: 0, limit: 3000)
        let indices = (0..<3000).map { _ in slab.take() }
        for index in indices { slab.give(index) }
        let again = (0..<3000).map { _ in slab.take() }
        #expect(Set(again) == Set(indices))
        #expect(slab.count == 3000)
    }

    @Test(arguments: [1, 2, 255, 256, 257, 512, 600])
    func limit(limit: Int) {
        let slab = Slab<UInt64>(empty: 0, limit: limit)
        let indices = (0..<limit).map { _ in slab.take() }
        #expect(!indices.contains(-1))
        #expect(slab.take() == -1)
        #expect(slab.count == limit)
        slab.give(indices[limit / 2])
        #expect(slab.take() == indices[limit / 2])
        #expect(slab.take() == -1)
    }

    /// Random takes and gives: no slot has two users.
    @Test func noSlotIsTakenTwice() {
        var generator = SeededGenerator(seed: 6)
        let slab = Slab<UInt64>(empty: 0, limit: 700)
        var taken: Set<Int32> = []
        for _ in 0..<20000 {
            if taken.count < 700, Int.random(in: 0..<5, using: &generator) < 3 {
                let index = slab.take()
                #expect(index >= 0 && index < slab.count)
                #expect(taken.insert(index).inserted)
            } else if let index = taken.randomElement(using: &generator) {
                taken.remove(index)
                slab.give(index)
            }
        }
        #expect(slab.count <= 700)
    }
}
