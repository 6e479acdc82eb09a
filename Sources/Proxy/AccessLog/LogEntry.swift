import CLinux
import Glibc

/// What a request (or a connection of a TCP proxy) will have in its lines: plain data in the worker's log slab, only for
/// listeners that have an access log. It travels in a hand-over.
struct LogEntry: BitwiseCopyable {
    /// The bits travel (docs/hand-over.md), so none is ever given a second meaning.
    struct State: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        /// It came from a process that kept no log of it: what had happened before is not known.
        static let isPartial = State(rawValue: 1 << 0)
        /// The upstream connection was there.
        static let isConnected = State(rawValue: 1 << 1)
        static let known: UInt8 = 3
    }

    /// CLOCK_REALTIME, nanoseconds, of `startNs`.
    var startWallNs: UInt64 = 0
    /// CLOCK_MONOTONIC, nanoseconds: when the first byte came.
    var startNs: UInt64 = 0
    /// When there is a line because it goes on; 0: never. Does not travel: it follows from `startNs`.
    var nextNs: UInt64 = 0
    /// When the first of the response came from upstream; 0: not yet.
    var firstResponseNs: UInt64 = 0
    /// Bytes of the bodies; of a tunnel, all.
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0
    var flags: LogFlags = []
    var details = LogDetails.none
    var state: State = []
    /// Why the upstream connection could not be made, 0: it could, or was not tried.
    var connectError: Int32 = 0
    var attempts: UInt32 = 0
    /// `length` 0: none.
    var upstream = cl_address()
    var upstreamLocal = cl_address()
    var local = cl_address()
    var values = LogValues()

    /// Begins anew. What `values` has allocated is used again.
    mutating func reset(names: Int, startNs: UInt64, startWallNs: UInt64) {
        self.startNs = startNs
        self.startWallNs = startWallNs
        nextNs = 0
        firstResponseNs = 0
        bytesReceived = 0
        bytesSent = 0
        flags = []
        details = .none
        state = []
        connectError = 0
        attempts = 0
        upstream.length = 0
        upstreamLocal.length = 0
        local.length = 0
        values.reset(names: names)
    }
}

/// Texts that a line needs, by the position of their name in the listener's table. They are copied when they are there: the
/// buffer that they were read into is used for others then.
struct LogValues: BitwiseCopyable {
    private struct Place: BitwiseCopyable {
        var offset: UInt32
        var length: UInt32
    }
    private var storage: UnsafeMutableRawPointer?
    private var capacity = 0
    private var count = 0
    private var names = 0

    /// What an entry at rest may keep.
    private static let largestKept = 8192

    /// Forgets all texts.
    mutating func reset(names: Int) {
        self.names = names
        count = 0
        let table = names &* MemoryLayout<Place>.stride
        reserve(table)
        if table > 0, let storage { memset(storage, 0, table) }
        count = table
    }

    mutating func free() {
        if storage != nil { Glibc.free(storage) }
        self = LogValues()
    }

    /// What is large goes, so that an odd large request costs memory only while it lives.
    mutating func rest() { if capacity > Self.largestKept { free() } }

    private mutating func reserve(_ length: Int) {
        if capacity &- count >= length, storage != nil { return }
        var larger = max(capacity, 512)
        while larger &- count < length { larger &*= 2 }
        guard let memory = realloc(storage, larger) else { fatalError("out of memory for \(larger) bytes of a log") }
        storage = memory
        capacity = larger
    }

    private func place(_ name: Int) -> UnsafeMutablePointer<Place>? {
        guard name >= 0, name < names, let storage else { return nil }
        return storage.assumingMemoryBound(to: Place.self) + name
    }

    /// Notes the text of a name; the first one stays, as in Envoy.
    mutating func set(_ name: Int, _ bytes: UnsafePointer<UInt8>, _ length: Int) {
        guard let known = place(name)?.pointee, known.offset == 0 else { return }
        reserve(length)
        guard let storage else { return }
        memcpy(storage + count, bytes, length)
        place(name)?.pointee = Place(
            offset: UInt32(truncatingIfNeeded: count), length: UInt32(truncatingIfNeeded: length))
        count &+= length
    }

    /// The text of a name, nil: it has none. Valid until the next change.
    func get(_ name: Int) -> Bytes? {
        guard let place = place(name)?.pointee, place.offset != 0, let storage else { return nil }
        return Bytes(
            UnsafePointer((storage + Int(place.offset)).assumingMemoryBound(to: UInt8.self)), Int(place.length))
    }
}
