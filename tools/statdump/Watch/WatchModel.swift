import SharedMemory
import Stats

/// What is known of the region at one moment.
struct RegionFacts {
    var identity: RegionIdentity
    var live: [SlotInfo]
    /// The one that serves.
    var newest: SlotInfo?
    /// CLOCK_REALTIME.
    var nowNs: UInt64

    init(identity: RegionIdentity, live: [SlotInfo], newest: SlotInfo?, nowNs: UInt64) {
        self.identity = identity
        self.live = live
        self.newest = newest
        self.nowNs = nowNs
    }
}

/// A live view without its terminal: samples and keys go in, rows come out.
struct WatchModel {
    let baseID: UInt32
    var state: WatchState
    private(set) var facts: RegionFacts?
    /// Why there is no region to show.
    private(set) var absence: String?
    private var history = History()
    /// What a pause has stopped.
    private var frozen: History?
    /// The rows of a page, as the last screen had them.
    var page = 1

    init(baseID: UInt32, sort: SortOrder = .name) {
        self.baseID = baseID
        state = WatchState(sort: sort)
    }

    mutating func add(_ snapshot: StatsSnapshot, _ facts: RegionFacts, at time: Double) {
        absence = nil
        self.facts = facts
        history.add(snapshot, of: facts.identity, at: time)
    }

    /// There is none now; what was last seen stays on the screen.
    mutating func addAbsence(_ text: String) {
        absence = text
        facts?.live = []
        facts?.newest = nil
    }

    mutating func press(_ key: Key) {
        state.press(key, page: page)
        frozen = state.isPaused ? frozen ?? history : nil
    }

    var count: Int { history.tracks.count }

    /// What passes the filter, in the order that was chosen.
    var rows: [History.Track] {
        let tracks = (frozen ?? history).tracks.filter { track in
            (state.showsZeroes || !track.isZero) && (state.filter?.matchesPart(of: track.name) ?? true)
        }
        switch state.sort {
        case .name: return tracks
        case .value: return Self.sorted(tracks) { $0.kind == .text ? -1 : Double($0.number) }
        case .rate: return Self.sorted(tracks) { $0.kind == .gauge ? -1 : $0.averages[0].value }
        }
    }

    /// The largest first, equal ones by name.
    private static func sorted(
        _ tracks: [History.Track], _ key: (History.Track) -> Double
    ) -> [History.Track] {
        tracks.enumerated().map { (key($0.element), $0.offset) }
            .sorted { $0.0 != $1.0 ? $0.0 > $1.0 : $0.1 < $1.1 }
            .map { tracks[$0.1] }
    }
}
