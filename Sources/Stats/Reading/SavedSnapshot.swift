import CLinux

/// A snapshot in a file: what was counted then, and of which region.
public struct SavedSnapshot: Sendable {
    /// The version of the form below; another one is refused.
    public static let version: UInt64 = 1

    /// Of which region.
    public var identity: RegionIdentity
    /// When: CLOCK_REALTIME in nanoseconds.
    public var timeNs: UInt64
    /// What was counted; flags, tags and units are not saved.
    public var snapshot: StatsSnapshot

    /// Why a file is not a saved snapshot.
    public struct Invalid: Error, CustomStringConvertible {
        /// One line, without the file's name.
        public var description: String
    }

    /// A snapshot to be saved.
    public init(identity: RegionIdentity, timeNs: UInt64, snapshot: StatsSnapshot) {
        self.identity = identity
        self.timeNs = timeNs
        self.snapshot = snapshot
    }

    /// One JSON object: a header, then one stat a line.
    public var json: [UInt8] {
        var output = OutputBuffer(capacity: snapshot.stats.count * 96 + 256)
        output.append("{\"statdump\":\(Self.version),\"version\":\"\(ProductVersion.text)\"")
        output.append(",\"base_id\":\(identity.baseID),\"generation\":\(identity.generation)")
        output.append(",\"created_ns\":\(identity.createdNs),\"time_ns\":\(timeNs),\"stats\":[")
        for (i, stat) in snapshot.stats.enumerated() {
            output.append(i == 0 ? "\n{\"name\":" : ",\n{\"name\":")
            output.append(quoted: stat.name)
            output.append(",\"type\":\"\(stat.kind)\"")
            switch stat.kind {
            case .counter, .gauge:
                output.append(",\"value\":")
                output.append(stat.value)
            case .text:
                output.append(",\"text\":")
                output.append(quoted: stat.text)
            case .histogram:
                let data = stat.histogram ?? HistogramData()
                let bins = data.numberedBins.map { "[\($0.number),\($0.count)]" }.joined(separator: ",")
                output.append(",\"zeros\":\(data.zeros),\"sum\":\(data.sum),\"bins\":[\(bins)]")
            }
            output.append("}")
        }
        output.append("\n]}\n")
        return output.bytes
    }

    /// Reads what `json` wrote; anything else is `Invalid`.
    public init(json: [UInt8]) throws(Invalid) {
        let value: JSONValue
        do { value = try JSONValue(json) } catch { throw Invalid(description: error.description) }
        guard let version = value["statdump"]?.unsigned else {
            throw Invalid(description: "not a snapshot that statdump saved")
        }
        guard version == Self.version else {
            throw Invalid(description: "saved in form \(version), this build reads \(Self.version)")
        }
        guard let baseID = value["base_id"]?.unsigned, baseID <= UInt64(UInt32.max),
            let generation = value["generation"]?.unsigned, let created = value["created_ns"]?.unsigned,
            let time = value["time_ns"]?.unsigned, let items = value["stats"]?.array
        else { throw Invalid(description: "its header is incomplete") }
        identity = RegionIdentity(baseID: UInt32(baseID), generation: generation, createdNs: created)
        timeNs = time
        var stats: [StatValue] = []
        stats.reserveCapacity(items.count)
        for item in items {
            guard let stat = StatValue(saved: item) else {
                throw Invalid(description: "its stat \(stats.count + 1) is not one")
            }
            stats.append(stat)
        }
        snapshot = StatsSnapshot(stats: stats)
    }
}

extension StatValue {
    fileprivate init?(saved item: JSONValue) {
        let kinds: [StatKind] = [.counter, .gauge, .histogram, .text]
        guard let name = item["name"]?.string, let type = item["type"]?.string,
            let kind = kinds.first(where: { "\($0)" == type })
        else { return nil }
        self.init(name: name, kind: kind)
        switch kind {
        case .counter, .gauge:
            guard let value = item["value"]?.unsigned else { return nil }
            self.value = value
        case .text:
            guard let text = item["text"]?.string else { return nil }
            self.text = text
        case .histogram:
            guard let zeros = item["zeros"]?.unsigned, let sum = item["sum"]?.unsigned, let bins = item["bins"]?.array
            else { return nil }
            var numbered: [(number: Int, count: UInt64)] = []
            for bin in bins {
                guard let pair = bin.array, pair.count == 2, let number = pair[0].unsigned,
                    let count = pair[1].unsigned,
                    number < UInt64(HistogramBins.decades * HistogramBins.bins)
                else { return nil }
                numbered.append((Int(number), count))
            }
            histogram = HistogramData(zeros: zeros, sum: sum, numberedBins: numbered)
        }
    }
}

extension HistogramData {
    /// The bins that counted something, numbered through all decades.
    fileprivate var numberedBins: [(number: Int, count: UInt64)] {
        decades.keys.sorted().flatMap { decade in
            (decades[decade] ?? []).enumerated().filter { $0.element > 0 }
                .map { (decade * HistogramBins.bins + $0.offset, $0.element) }
        }
    }

    fileprivate init(zeros: UInt64, sum: UInt64, numberedBins: [(number: Int, count: UInt64)]) {
        self.init()
        self.zeros = zeros
        self.sum = sum
        for bin in numberedBins {
            let decade = bin.number / HistogramBins.bins
            decades[decade, default: Array(repeating: 0, count: HistogramBins.bins)][bin.number % HistogramBins.bins] =
                bin.count
        }
    }
}
