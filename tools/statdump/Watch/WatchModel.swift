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

    mutating func add(_ lines: borrowing StatLines, _ facts: RegionFacts, at time: Double) {
        absence = nil
        self.facts = facts
        history.add(lines, of: facts.identity, at: time)
    }

    mutating func add(_ snapshot: StatsSnapshot, _ facts: RegionFacts, at time: Double) {
        add(StatLines(snapshot), facts, at: time)
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

    /// What passes the filter, in the order that was chosen. Of all of them only places are sorted; who draws looks at a
    /// page of them.
    var rows: Rows {
        let tracks = (frozen ?? history).tracks
        let places = tracks.indices.filter { place in
            (state.showsZeroes || !tracks[place].isZero) && (state.filter?.matchesPart(of: tracks[place].name) ?? true)
        }
        switch state.sort {
        case .name: return Rows(tracks: tracks, places: places)
        case .value:
            return Rows(
                tracks: tracks,
                places: Self.sorted(places) {
                    tracks[$0].kind == .text ? -1 : Double(tracks[$0].number)
                })
        case .rate:
            return Rows(
                tracks: tracks,
                places: Self.sorted(places) {
                    tracks[$0].kind == .gauge ? -1 : tracks[$0].over10.value
                })
        }
    }

    /// The largest first, equal ones by name.
    private static func sorted(_ places: [Int], _ key: (Int) -> Double) -> [Int] {
        places.map { (key($0), $0) }.sorted { $0.0 != $1.0 ? $0.0 > $1.0 : $0.1 < $1.1 }.map(\.1)
    }

    /// Some of the tracks, in an order.
    struct Rows: RandomAccessCollection {
        fileprivate let tracks: [History.Track]
        fileprivate let places: [Int]
        var startIndex: Int { 0 }
        var endIndex: Int { places.count }
        subscript(row: Int) -> History.Track { tracks[places[row]] }
    }
}
