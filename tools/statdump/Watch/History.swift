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

/// What a live view remembers of every stat.
struct History {
    struct Track {
        var name: String
        var kind: StatKind
        var number: UInt64 = 0
        var text = ""
        /// Since the sample before; nil in the first.
        var change: Int64?
        /// Over 10, 100 and 1000 s. Counters and histograms: per second; gauges: the value itself.
        var averages = [MovingAverage(window: 10), MovingAverage(window: 100), MovingAverage(window: 1000)]
        /// What the averages are of, oldest first.
        var recent: [Double] = []
        var total: HistogramData?
        /// What a histogram recorded since the sample before.
        var interval: HistogramData?
        fileprivate var round = 0
    }

    static let remembered = 60
    private(set) var identity: RegionIdentity?
    /// In the order of names.
    private(set) var tracks: [Track] = []
    private var places: [StatKey: Int] = [:]
    private var lastTime = 0.0
    private var round = 0

    /// Takes a snapshot at a time in seconds. Another region begins anew: its counters did.
    mutating func add(_ snapshot: StatsSnapshot, of identity: RegionIdentity, at time: Double) {
        if identity != self.identity {
            self = History()
            self.identity = identity
        }
        round += 1
        let passed = round > 1 && time > lastTime ? time - lastTime : 0
        lastTime = time
        var next: [Track] = []
        next.reserveCapacity(snapshot.stats.count)
        for stat in snapshot.stats {
            var track = places[stat.key].map { tracks[$0] } ?? Track(name: stat.name, kind: stat.kind)
            track.update(stat, passed: passed, round: round)
            next.append(track)
        }
        tracks = next
        places = Dictionary(
            next.enumerated().map { (StatKey(name: $1.name, kind: $1.kind), $0) },
            uniquingKeysWith: { first, _ in first })
    }
}

extension History.Track {
    fileprivate mutating func update(_ stat: StatValue, passed: Double, round: Int) {
        // A stat that was not in the sample before has nothing to be compared with.
        let isFollowing = self.round == round - 1 && self.round > 0
        self.round = round
        let before = number
        number = stat.number ?? 0
        text = stat.text
        let former = total
        total = stat.histogram
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
        let sample = kind == .gauge ? Double(Int64(bitPattern: number)) : Double(difference) / passed
        for i in averages.indices { averages[i].add(sample, over: passed) }
        recent.append(sample)
        if recent.count > History.remembered { recent.removeFirst(recent.count - History.remembered) }
    }

    /// Whether there is anything to see.
    var isZero: Bool { number == 0 && text.isEmpty && (change ?? 0) == 0 && averages[0].value == 0 }
}
