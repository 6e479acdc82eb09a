import CLinux

/// Stats as the forms of output go through them: names where they lie, everything else plain data, so that a line costs no
/// string, no reference count and no copy. The one formatter writes these, whether they come from a region or from a
/// `StatsSnapshot`.
public struct StatLines: ~Copyable {
    /// One stat.
    struct Line {
        /// In the region, which others may write into meanwhile, or among `copies`.
        var nameStart: UnsafePointer<UInt8>
        var nameLength: UInt32
        /// Where in `tags` its tags begin.
        var tagStart: UInt32
        var value: UInt64
        /// Where in `details` it has more than a number; negative: nowhere.
        var detail: Int32
        var tagCount: UInt16
        var kind: StatKind
        var unit: StatUnit
        var flags: StatFlags
        var isInUse: Bool

        /// The bytes are good for as long as the `StatLines`.
        @inline(__always)
        var name: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: nameStart, count: Int(nameLength)) }
    }

    /// What only histograms and text readouts have.
    struct Detail {
        var text = ""
        var histogram: HistogramData?
        var interval: HistogramData?

        var isUsed: Bool { !text.isEmpty || (histogram.map { $0.count > 0 } ?? false) }
    }

    private var lines: [Line] = []
    /// Which line comes first, second, …; those that are not shown are not in it.
    private var order: [UInt32] = []
    /// Of what kind they are, so that who wants only some need not look at the others.
    private var kinds: [StatKind] = []
    private(set) var tags: [cl_tag_span] = []
    private(set) var details: [Detail] = []
    /// Whose tags those are that the region does not keep; nil: there are none.
    private(set) var rules: TagRules?
    /// See ``StatsView/bounds``.
    var bounds: (@Sendable (UnsafeBufferPointer<UInt8>) -> [Double]?)?
    /// What all lines have that were ever appended.
    private(set) var flagsOfAll = StatFlags(rawValue: .max)
    /// Names that do not lie anywhere else.
    private var copies: [UnsafeMutablePointer<UInt8>] = []
    private var room = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    /// Whose memory the other names are in.
    private let owner: AnyObject?

    init(owner: AnyObject?, capacity: Int) {
        self.owner = owner
        lines.reserveCapacity(capacity)
        order.reserveCapacity(capacity)
        kinds.reserveCapacity(capacity)
    }

    deinit { for copy in copies { copy.deallocate() } }

    /// How many stats there are, hidden ones included.
    public var count: Int { order.count }

    /// How many are of that kind.
    func count(of kind: StatKind) -> Int { kinds.count { $0 == kind } }

    /// Where the first, the second, … line was added.
    var places: [Int] { order.map(Int.init) }

    /// The line at a place of the order.
    @inline(__always)
    subscript(place: Int) -> Line { lines[Int(order[place])] }

    func nameText(_ line: Line) -> String { String(decoding: line.name, as: UTF8.self) }

    func detail(_ line: Line) -> Detail { line.detail < 0 ? Detail() : details[Int(line.detail)] }

    /// Calls `body` with the place and the line of every stat of some kinds, in order.
    @inline(__always)
    func forEach(_ wanted: Kinds, _ body: (Int, Line) -> Void) {
        order.withUnsafeBufferPointer { order in
            for place in order.indices where wanted.contains(Kinds(kinds[place])) {
                fetch(ahead: place, of: order.count) { $0 }
                body(place, lines[Int(order[place])])
            }
        }
    }

    /// Lines, names and tags lie in another order than they are written in: those of the next places are fetched while
    /// this one is written, or most of a dump is waiting for memory.
    ///
    /// - Parameter place: from the step of a walk to the place that it comes to.
    @inline(__always)
    func fetch(ahead step: Int, of steps: Int, place: (Int) -> Int) {
        lines.withUnsafeBufferPointer { lines in
            if step &+ 24 < steps { cl_prefetch(lines.baseAddress! + Int(order[place(step &+ 24)])) }
            guard step &+ 12 < steps else { return }
            let line = lines[Int(order[place(step &+ 12)])]
            cl_prefetch(line.nameStart)
            cl_prefetch(line.nameStart + 64)
            tags.withUnsafeBufferPointer { tags in
                if line.tagCount > 0 { cl_prefetch(tags.baseAddress! + Int(line.tagStart)) }
            }
        }
    }

    struct Kinds: OptionSet {
        let rawValue: UInt8
        static let numbers: Kinds = [Kinds(.counter), Kinds(.gauge)]

        init(rawValue: UInt8) { self.rawValue = rawValue }

        @inline(__always)
        init(_ kind: StatKind) { rawValue = 1 << kind.rawValue }
    }

    /// Whether it ever counted something.
    func isUsed(_ line: Line) -> Bool {
        line.value != 0 || (line.detail >= 0 && details[Int(line.detail)].isUsed)
    }

    /// Whether outputs show it: what Envoy only creates when it happens is hidden until it did.
    @inline(__always)
    func isShown(_ line: Line) -> Bool { !line.flags.contains(.hiddenWhenZero) || isUsed(line) }

    // MARK: - Filling

    /// Adds a stat without tags; the caller gives it a value and the rest.
    ///
    /// - Parameter isLasting: whether the name stays where it is as long as `owner` lives.
    @inline(__always)
    mutating func add(_ name: UnsafeBufferPointer<UInt8>, _ kind: StatKind, isLasting: Bool) -> Line {
        // A name that is no UTF-8 is repaired before it is compared with others.
        let place = isLasting && NameBytes.areASCII(name) ? name : copy(name)
        return Line(
            nameStart: place.baseAddress!, nameLength: UInt32(place.count), tagStart: UInt32(tags.count), value: 0,
            detail: -1, tagCount: 0, kind: kind, unit: .unspecified, flags: [], isInUse: true)
    }

    private mutating func copy(_ name: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var text = String(decoding: name, as: UTF8.self)
        return text.withUTF8 { name in
            if room.count < name.count + 1 {
                room = .allocate(capacity: max(65536, name.count + 1))
                copies.append(room.baseAddress!)
            }
            let start = room.baseAddress!
            if let from = name.baseAddress { start.update(from: from, count: name.count) }
            room = UnsafeMutableBufferPointer(rebasing: room[name.count...])
            return UnsafeBufferPointer(start: start, count: name.count)
        }
    }

    mutating func append(_ line: Line) {
        order.append(UInt32(lines.count))
        kinds.append(line.kind)
        lines.append(line)
        flagsOfAll.formIntersection(line.flags)
    }

    /// What was appended last, and another in its place.
    var last: Line? { lines.last }

    mutating func replaceLast(_ line: Line, _ detail: Detail) {
        lines[lines.count - 1] = line
        if line.detail >= 0 { details[Int(line.detail)] = detail }
    }

    mutating func append(_ tag: cl_tag_span) { tags.append(tag) }

    /// Where a line finds it.
    mutating func append(_ detail: Detail) -> Int32 {
        details.append(detail)
        return Int32(details.count - 1)
    }

    /// By name; equal names stay as they were added.
    mutating func sort() {
        var items: [NameOrder.Item] = []
        items.reserveCapacity(lines.count)
        for i in order {
            let line = lines[Int(i)]
            items.append(NameOrder.Item(line.name, index: i))
        }
        items.withUnsafeMutableBufferPointer { NameOrder.sort($0) }
        for (place, item) in items.enumerated() {
            order[place] = item.index
            kinds[place] = lines[Int(item.index)].kind
        }
    }

    /// Gives Envoy's names the tags that the rules find.
    mutating func retag(_ rules: TagRules) {
        self.rules = rules
        var all: [cl_tag_span] = []
        all.reserveCapacity(tags.count)
        for i in lines.indices {
            let start = all.count
            if lines[i].flags.contains(.plainName) {
                all += tags[Int(lines[i].tagStart)..<Int(lines[i].tagStart) + Int(lines[i].tagCount)]
            } else {
                all += rules.tags(of: lines[i].name)
            }
            lines[i].tagStart = UInt32(start)
            lines[i].tagCount = UInt16(all.count - start)
        }
        tags = all
    }

    /// One stat as others see it; good for the call that it is given to.
    public struct Stat {
        /// UTF-8.
        public let name: UnsafeBufferPointer<UInt8>
        /// What it is.
        public let kind: StatKind
        fileprivate let value: UInt64
        fileprivate let detail: Detail?

        /// What a counter, a gauge or a histogram (its values recorded) comes to as one number.
        public var number: UInt64 { kind == .histogram ? histogram?.count ?? 0 : value }
        /// What a text readout says; empty for other kinds.
        public var text: String { detail?.text ?? "" }
        /// What a histogram has counted since its region began; nil for other kinds.
        public var histogram: HistogramData? { detail?.histogram }
        /// Whether it ever counted something.
        public var isUsed: Bool { value != 0 || (detail?.isUsed ?? false) }
    }

    @inline(__always)
    private func stat(_ line: Line) -> Stat {
        Stat(
            name: line.name, kind: line.kind, value: line.value,
            detail: line.detail < 0 ? nil : details[Int(line.detail)])
    }

    /// Calls `body` with the place of every stat in the order of names, and the stat.
    public func forEach(_ body: (Int, Stat) -> Void) {
        for place in order.indices {
            fetch(ahead: place, of: order.count) { $0 }
            body(place, stat(self[place]))
        }
    }

    /// Drops every stat for which `keep` does not hold.
    public mutating func keep(where keep: (Stat) -> Bool) {
        var kept = 0
        for i in order {
            let line = lines[Int(i)]
            guard keep(stat(line)) else { continue }
            order[kept] = i
            kinds[kept] = line.kind
            kept += 1
        }
        order.removeLast(order.count - kept)
        kinds.removeLast(kinds.count - kept)
    }
}

/// What a name holds that an output has to do something about. Eight bytes at a time: a dump looks at every name.
enum NameBytes {
    @inline(__always)
    static func areASCII(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var found: UInt64 = 0
        forEachWord(bytes) { found |= $0 }
        return found & high == 0
    }

    /// Neither control characters nor anything from DEL on.
    @inline(__always)
    static func arePrintable(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var found: UInt64 = 0
        forEachWord(bytes) { found |= suspects($0) }
        return found & high == 0
    }

    /// Also neither `"` nor `\`.
    @inline(__always)
    static func areUnescaped(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var found: UInt64 = 0
        forEachWord(bytes) { word in
            found |= suspects(word) | zeros(word ^ (0x22 &* low)) | zeros(word ^ (0x5c &* low))
        }
        return found & high == 0
    }

    private static let low: UInt64 = 0x0101_0101_0101_0101
    private static let high: UInt64 = 0x8080_8080_8080_8080

    /// The high bit of every byte that is below 0x20, DEL or above. A byte above one that is below 0x20 may be suspected
    /// too, which costs a closer look.
    @inline(__always)
    private static func suspects(_ word: UInt64) -> UInt64 {
        word | (word &- 0x20 &* low) | (word &+ low)
    }

    /// The high bit of every byte that is zero, perhaps of one above it.
    @inline(__always)
    private static func zeros(_ word: UInt64) -> UInt64 { (word &- low) & ~word }

    /// The last bytes come filled up with letters.
    @inline(__always)
    private static func forEachWord(_ bytes: UnsafeBufferPointer<UInt8>, _ body: (UInt64) -> Void) {
        guard let start = bytes.baseAddress else { return }
        var at = 0
        while at &+ 8 <= bytes.count {
            body(UnsafeRawPointer(start + at).loadUnaligned(as: UInt64.self))
            at &+= 8
        }
        guard at < bytes.count else { return }
        if at >= 8 { return body(UnsafeRawPointer(start + bytes.count - 8).loadUnaligned(as: UInt64.self)) }
        var word = 0x61 &* low
        while at < bytes.count {
            word = word << 8 | UInt64(start[at])
            at &+= 1
        }
        body(word)
    }
}
