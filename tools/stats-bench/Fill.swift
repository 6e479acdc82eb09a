import CLinux
import Glibc
import SharedMemory
import Stats

/// A region of many counters for others to read: what `statdump` and a proxy are measured with.
enum Fill {
    /// Another program's: the same twenty metrics, with three dimensions.
    static func dimensionedName(_ i: Int) -> String {
        "requests.\(i % 20);http.route=/service/\(i / 20);method=GET;status=200"
    }

    static func name(_ i: Int) -> String { "cluster.service_\(i / 20).upstream_rq_something_\(i % 20)" }

    /// The numbers below `count` in an order that is the same each time and has nothing of theirs.
    static func shuffled(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        var state: UInt64 = 1
        for i in stride(from: count - 1, to: 0, by: -1) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            order.swapAt(i, Int((state >> 33) % UInt64(i + 1)))
        }
        return order
    }

    /// Makes `names` counters in the region of a base id and leaves it behind as a process that has served does. With
    /// `seconds`, it goes on counting all of them for so long, ten times a second.
    static func run(baseID: UInt32, names: Int, isShuffled: Bool, isPlain: Bool, seconds: Int) throws {
        let anchor = try Anchor(baseID: baseID)
        let (region, _) = try SharedRegion.attach(anchor)
        try region.claimSlot(epoch: 0, socketPath: "")
        let store = StatsStore(region: region, naming: isPlain ? .plain : .envoy)
        let writer = store.makeWriter()
        let order = isShuffled ? shuffled(names) : Array(0..<names)
        let counters = order.map { i in
            let counter = writer.counter(store.counter(isPlain ? dimensionedName(i) : name(i)))
            counter.add(UInt64(i % 1000))
            return counter
        }
        try region.commitSlot()
        for _ in 0..<seconds * 10 {
            for counter in counters { counter.increment() }
            usleep(100_000)
        }
    }
}
