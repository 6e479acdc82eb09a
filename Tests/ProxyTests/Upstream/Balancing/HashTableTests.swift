import ProxyConfig
import Testing

@testable import Proxy

/// Rings and Maglev tables. What a real Envoy 1.40 chose of the same hosts for the same header stands here as digits: the last
/// one of the address.
@Suite struct HashTableTests {
    private static let weights: [UInt32] = [1, 2, 3, 4, 5]

    private static func members(
        _ weights: [UInt32] = [1, 1, 1, 1, 1], key: (Int) -> String = { "127.0.0.1\($0):18480" }
    ) -> [HashTable.Member] {
        weights.enumerated().map {
            HashTable.Member(position: Int32($0.offset), key: Array(key($0.offset + 1).utf8), weight: $0.element)
        }
    }

    private static func small() -> RingHash {
        var ring = RingHash()
        (ring.minimumSize, ring.maximumSize, ring.function) = (100, 333, .murmurHash2)
        return ring
    }

    private static func hash(_ text: String) -> UInt64 {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBufferPointer { XXHash64.hash($0.baseAddress!, bytes.count) }
    }

    private static func choices(_ table: HashTable) -> String {
        (0..<40).map { String(table.view.choose(hash("user-\($0)"), attempt: 0) + 1) }.joined()
    }

    @Test func ringsAreEnvoys() {
        let plain = HashTable.ring(Self.members(), RingHash())
        #expect(Self.choices(plain) == "1331312155321222215143433551413241452435")
        #expect(plain.view.count == 1025 && plain.fewest == 205 && plain.most == 205)
        let weighted = HashTable.ring(Self.members(Self.weights), RingHash())
        #expect(Self.choices(weighted) == "3343442555323252245443454553443441455435")
        #expect(weighted.view.count == 1035 && weighted.fewest == 69 && weighted.most == 345)
        let small = HashTable.ring(Self.members([7, 2, 3, 4, 5]), Self.small())
        #expect(Self.choices(small) == "5115111511111311111451111351152142151255")
        #expect(small.view.count == 105 && small.fewest == 10 && small.most == 35)
        let named = HashTable.ring(Self.members { "key1\($0)" }, RingHash())
        #expect(Self.choices(named) == "2135324344522422421553423313424425113123")
    }

    @Test func maglevTablesAreEnvoys() {
        let plain = HashTable.maglev(Self.members(), size: 65537)
        #expect(Self.choices(plain) == "4452313515142533514534323513253413121312")
        #expect(plain.view.count == 65537 && plain.fewest == 13107 && plain.most == 13108)
        let weighted = HashTable.maglev(Self.members(Self.weights), size: 65537)
        #expect(Self.choices(weighted) == "4452315515144533514534343553253413321352")
        #expect(weighted.fewest == 4370 && weighted.most == 21845)
        let small = HashTable.maglev(Self.members(), size: 251)
        #expect(Self.choices(small) == "3544412151232211221553124324515413541253")
        #expect(small.fewest == 50 && small.most == 51)
    }

    /// The order of the list is of no account, so that two processes that have learned of hosts differently agree.
    @Test func theOrderOfHostsIsOfNoAccount() {
        let turned = Array(Self.members(Self.weights).reversed())
        #expect(Self.choices(HashTable.maglev(turned, size: 65537)) == "4452315515144533514534343553253413321352")
        let ring = HashTable.ring(Array(Self.members().reversed()), RingHash())
        #expect(Self.choices(ring) == "1331312155321222215143433551413241452435")
    }

    /// Who has another host because one is gone is who had that one, in a ring; in a Maglev table few others too.
    @Test func aHostThatIsGoneTakesItsOwnWithIt() {
        let left = Self.members().filter { $0.position != 2 }
        func moved(_ whole: HashTable, _ rest: HashTable) -> Int {
            (0..<2000).count {
                let key = Self.hash("key \($0)")
                let before = whole.view.choose(key, attempt: 0)
                let after = rest.view.choose(key, attempt: 0)
                #expect(after != 2)
                return before != 2 && before != after
            }
        }
        #expect(moved(.ring(Self.members(), RingHash()), .ring(left, Self.sameSize())) == 0)
        let few = moved(.maglev(Self.members(), size: 65537), .maglev(left, size: 65537))
        #expect(few > 0 && few < 200, "\(few)")
    }

    /// As many places of each host with four of them as with five.
    private static func sameSize() -> RingHash {
        var ring = RingHash()
        ring.minimumSize = 4 * 205
        return ring
    }

    @Test func anotherAttemptIsAnotherPlace() {
        for table in [HashTable.ring(Self.members(), RingHash()), .maglev(Self.members(), size: 65537)] {
            let others = (0..<100).count { i in
                let key = Self.hash("key \(i)")
                return Set((0..<4).map { table.view.choose(key, attempt: $0) }).count > 1
            }
            #expect(others > 90)
        }
        // The place before the first one.
        withExtendedLifetime(HashTable(hashes: [10, 20, 30], members: [0, 1, 2], fewest: 1, most: 1)) { ring in
            #expect([0, 10, 11, 20, 30, 31, .max].map { ring.view.choose($0, attempt: 0) } == [0, 0, 1, 1, 2, 0, 0])
            #expect([0, 1, 2, 3].map { ring.view.choose(30, attempt: $0) } == [2, 0, 1, 2])
        }
        withExtendedLifetime(HashTable(hashes: nil, members: [0, 1, 2, 3, 4], fewest: 1, most: 1)) { maglev in
            #expect(maglev.view.choose(7, attempt: 0) == 2)
            #expect(maglev.view.choose(7, attempt: 1) == Int32((7 ^ UInt64.max) % 5))
        }
    }

    @Test func nobodyIsChosenOfNone() {
        #expect(HashTable.ring([], RingHash()).view.choose(1, attempt: 0) == -1)
        #expect(HashTable.maglev([], size: 251).view.choose(1, attempt: 3) == -1)
        var empty = RingHash()
        (empty.minimumSize, empty.maximumSize) = (0, 0)
        #expect(HashTable.ring(Self.members(), empty).view.choose(1, attempt: 0) == -1)
        #expect(HashTable.View().choose(1, attempt: 0) == -1)
        let one = HashTable.maglev(Self.members([9]), size: 2)
        #expect([1, 2, 3].map { one.view.choose($0, attempt: 0) } == [0, 0, 0])
    }

    @Test func aRingIsNoLargerThanItMayBe() {
        var ring = RingHash()
        (ring.minimumSize, ring.maximumSize) = (2, 6)
        // A host with a millionth of the weight would want a million places.
        let table = HashTable.ring(Self.members([1, 1_000_000]), ring)
        #expect(table.view.count == 6 && table.fewest == 1 && table.most == 5)
    }
}
