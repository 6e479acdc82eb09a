import CLinux
import SharedMemory

/// Which region it is: another one under the same base id has counters that began anew.
public struct RegionIdentity: Equatable, Sendable {
    /// Whose region it is, `/dev/shm/envoyd-<base id>`.
    public var baseID: UInt32
    /// One more each time the base id gets a new region.
    public var generation: UInt64
    /// CLOCK_REALTIME in nanoseconds when the region was made: tells apart what has the same generation after a removal or a reboot.
    public var createdNs: UInt64

    /// An identity that was kept somewhere.
    public init(baseID: UInt32, generation: UInt64, createdNs: UInt64) {
        self.baseID = baseID
        self.generation = generation
        self.createdNs = createdNs
    }

    /// That of a region as it is now.
    public init(_ reader: RegionReader) {
        self.init(
            baseID: reader.header.base_id, generation: reader.header.generation, createdNs: reader.header.created_ns)
    }
}
