import Glibc
import Stats

/// The mean of the last `window` seconds, newer ones weighing as much as older ones while there are fewer; without
/// keeping any of them.
struct MovingAverage {
    let window: Double
    private var age = 0.0
    private(set) var value = 0.0

    init(window: Double) { self.window = window }

    mutating func add(_ sample: Double, over seconds: Double) {
        age = min(age + seconds, window)
        value += (sample - value) * min(seconds / max(age, seconds), 1)
    }
}

/// What a live view remembers of every stat. It does so for a hundred thousand of them every second: tracks are updated
/// where they are, and what never changed has nothing on the heap but its name.
struct History {
    struct Track {
        var name: String
        var kind: StatKind
        var number: UInt64 = 0
        var text = ""
        /// Since the sample before; nil in the first.
        var change: Int64?
        /// Over 10, 100 and 1000 s. Counters and histograms: per second; gauges: the value itself.
        var averages: [MovingAverage] { [over10, over100, over1000] }
        fileprivate(set) var over10 = MovingAverage(window: 10)
        fileprivate var over100 = MovingAverage(window: 100)
        fileprivate var over1000 = MovingAverage(window: 1000)
        /// What the averages are of, oldest first.
        var recent: [Double] {
            let known = samples.suffix(History.remembered)
            return Array(repeating: 0, count: min(idle, History.remembered - known.count)) + known
        }
        /// How often there was nothing before the first of `samples`.
        fileprivate var idle = 0
        fileprivate var samples: [Double] = []
        var total: HistogramData?
        /// What a histogram recorded since the sample before.
        var interval: HistogramData?
        /// Whether the sample before had it.
        fileprivate var isFollowing = false

        init(name: String, kind: StatKind) {
            self.name = name
            self.kind = kind
        }
    }

    static let remembered = 60
    private(set) var identity: RegionIdentity?
    /// In the order of names.
    private(set) var tracks: [Track] = []
    private var lastTime = 0.0

    /// Takes what stats say at a time in seconds. Another region begins anew: its counters did.
    mutating func add(_ lines: borrowing StatLines, of identity: RegionIdentity, at time: Double) {
        let isFirst = identity != self.identity
        if isFirst {
            self = History()
            self.identity = identity
        }
        let passed = !isFirst && time > lastTime ? time - lastTime : 0
        lastTime = time
        // Nearly always the names are those of the sample before.
        var known = 0
        lines.forEach { place, stat in
            if known == place, place < tracks.count, tracks[place].isOf(stat) {
                tracks[place].update(stat, passed: passed)
                known += 1
            }
        }
        if known < lines.count || known < tracks.count { rebuild(lines, known: known, passed: passed) }
    }

    mutating func add(_ snapshot: StatsSnapshot, of identity: RegionIdentity, at time: Double) {
        add(StatLines(snapshot), of: identity, at: time)
    }

    /// Names came or went: from a place on, those that were there are found by name.
    private mutating func rebuild(_ lines: borrowing StatLines, known: Int, passed: Double) {
        var places: [StatKey: Int] = [:]
        for place in known..<tracks.count {
            let key = StatKey(name: tracks[place].name, kind: tracks[place].kind)
            if places[key] == nil { places[key] = place }
        }
        var next = Array(tracks[..<known])
        next.reserveCapacity(lines.count)
        lines.forEach { place, stat in
            guard place >= known else { return }
            let name = String(decoding: stat.name, as: UTF8.self)
            let former = places[StatKey(name: name, kind: stat.kind)]
            var track = former.map { tracks[$0] } ?? Track(name: name, kind: stat.kind)
            track.update(stat, passed: passed)
            next.append(track)
        }
        tracks = next
    }
}

extension History.Track {
    fileprivate func isOf(_ stat: StatLines.Stat) -> Bool {
        guard kind == stat.kind else { return false }
        return name.utf8.withContiguousStorageIfAvailable { own in
            own.count == stat.name.count && memcmp(own.baseAddress!, stat.name.baseAddress!, own.count) == 0
        } ?? false
    }

    fileprivate mutating func update(_ stat: StatLines.Stat, passed: Double) {
        // A stat that was not in the sample before has nothing to be compared with.
        let isFollowing = self.isFollowing
        self.isFollowing = true
        let before = number
        number = stat.number
        let former = total
        if kind == .text { text = stat.text }
        if kind == .histogram { total = stat.histogram }
        guard isFollowing, passed > 0 else {
            change = nil
            interval = nil
            return
        }
        // A counter only falls when it was reset: all that it shows came since.
        let difference =
            kind == .gauge || number >= before ? Int64(bitPattern: number &- before) : Int64(clamping: number)
        change = difference
        if let total { interval = number >= before ? total.since(former ?? HistogramData()) : total }
        remember(kind == .gauge ? Double(Int64(bitPattern: number)) : Double(difference) / passed, passed)
    }

    private mutating func remember(_ sample: Double, _ passed: Double) {
        over10.add(sample, over: passed)
        over100.add(sample, over: passed)
        over1000.add(sample, over: passed)
        guard sample != 0 || !samples.isEmpty else {
            idle += 1
            return
        }
        samples.append(sample)
        // Not each time: what lies behind would be moved for every sample.
        if samples.count >= History.remembered * 2 { samples.removeFirst(samples.count - History.remembered) }
    }

    /// Whether there is anything to see.
    var isZero: Bool { number == 0 && (change ?? 0) == 0 && over10.value == 0 && text.isEmpty }
}
