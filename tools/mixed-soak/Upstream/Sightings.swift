import Synchronization

/// How often each request has reached an upstream. Clients take what they know of, so that what is left in the end was
/// sent twice, or by nobody.
final class Sightings: Sendable {
    private static let shardCount: UInt64 = 16
    private final class Shard: Sendable { let counts = Mutex<[UInt64: Int]>([:]) }
    private let shards = (0..<shardCount).map { _ in Shard() }

    /// One more; returns how many there are now.
    @discardableResult
    func saw(_ id: UInt64) -> Int {
        shards[Int(id % Self.shardCount)].counts.withLock {
            $0[id, default: 0] += 1
            return $0[id]!
        }
    }

    func count(_ id: UInt64) -> Int { shards[Int(id % Self.shardCount)].counts.withLock { $0[id] ?? 0 } }

    func take(_ id: UInt64) -> Int {
        shards[Int(id % Self.shardCount)].counts.withLock { $0.removeValue(forKey: id) ?? 0 }
    }

    /// What nobody has taken; forgotten with this.
    func takeAll() -> [UInt64] {
        shards.flatMap { shard in
            shard.counts.withLock { counts in
                defer { counts = [:] }
                return Array(counts.keys)
            }
        }
    }
}
