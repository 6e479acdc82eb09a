import CLinux

/// How a StatsD server is told of stats (https://github.com/statsd/statsd/blob/master/docs/metric_types.md), in one of the
/// two forms that Envoy speaks.
public struct StatsdFormat: Sendable {
    /// What names begin with, before a dot.
    public var prefix: String
    /// DogStatsD: tags are not in the name but behind the value, `|#envoy.cluster_name:a`.
    public var hasTags: Bool

    /// A form.
    public init(prefix: String = "envoy", hasTags: Bool = false) {
        self.prefix = prefix
        self.hasTags = hasTags
    }
}

/// Where lines go. Used by one thread.
public protocol StatsdSink: AnyObject {
    /// What they are to look like.
    var format: StatsdFormat { get }
    /// Takes a line, without a line feed.
    func add(_ line: UnsafeRawBufferPointer)
    /// Sends what was added since the last call, or gives it up. False: none of it was sent, and none of it will be.
    func send() -> Bool
}

/// One stat in the making of lines.
struct StatsdLine {
    var name: UnsafeBufferPointer<UInt8>
    /// Spans that the name has.
    var tags: [cl_tag_span]
    /// Whose tags those are that the region does not keep; nil: there are none.
    var rules: TagRules?
}

extension OutputBuffer {
    /// `prefix.name:`, and what is to be put behind the value into `suffix`.
    mutating func beginStatsd(_ line: StatsdLine, _ format: StatsdFormat, suffix: inout OutputBuffer) {
        suffix.cut(to: 0)
        append(format.prefix)
        append(".")
        let from = count
        if !format.hasTags || line.tags.isEmpty {
            append(line.name)
        } else {
            for i in line.name.indices
            where !line.tags.contains(where: { i >= Int($0.cut_start) && i < Int($0.cut_start) + Int($0.cut_length) }) {
                append(line.name[i])
            }
        }
        clean(from: from)
        append(":")
        guard format.hasTags else { return }
        var isFirst = true
        for tag in line.tags {
            let isRule = tag.tag >= TagRules.firstNumber
            guard isRule || TagName(rawValue: tag.tag).map({ $0 != .dimension }) == true else { continue }
            suffix.append(isFirst ? "|#" : ",")
            isFirst = false
            if isRule {
                let from = suffix.count
                suffix.append(line.rules?.name(tag.tag) ?? "")
                suffix.clean(from: from)
            } else if let text = TagName(rawValue: tag.tag)?.labelText {
                // `envoy_cluster_name`, as Prometheus needs it, is `envoy.cluster_name` in Envoy.
                suffix.append("envoy.")
                suffix.append(
                    UnsafeBufferPointer(start: text.utf8Start + "envoy_".utf8.count, count: text.utf8CodeUnitCount - 6))
            }
            suffix.append(":")
            let from = suffix.count
            if isRule, let value = line.rules?.value(tag.tag) {
                suffix.append(value)
                suffix.clean(from: from)
                continue
            }
            let start = min(Int(tag.value_start), line.name.count)
            let end = min(start + Int(tag.value_length), line.name.count)
            suffix.append(UnsafeBufferPointer(rebasing: line.name[start..<end]))
            suffix.clean(from: from)
        }
    }

    /// What the protocol itself is made of, and control characters, are `_`: a name must not become another line.
    private mutating func clean(from: Int) {
        replace(from: from) { byte in
            switch byte {
            case UInt8(ascii: ":"), UInt8(ascii: "|"), UInt8(ascii: "#"), UInt8(ascii: ","), UInt8(ascii: "@"),
                0..<0x20, 0x7f:
                UInt8(ascii: "_")
            default: byte
            }
        }
    }
}

extension HistogramData {
    /// What a server is told of values that were recorded, one line for each bin: its value, or the lower bound of a bin
    /// that has several, and how many there were as a rate, `|@0.25` for four of them.
    func forEachStatsdValue(_ body: (String) -> Void) {
        for bin in bins {
            let text = Numbers.text(bin.lower)
            body(bin.count == 1 ? "\(text)|ms" : "\(text)|ms|@\(Self.rate(bin.count))")
        }
    }

    /// 1/n as a decimal fraction, and of that one from which 1/rate comes to no less than n: servers cut that off.
    static func rate(_ count: UInt64) -> String {
        guard count > 1 else { return "1" }
        var part = 1_000_000_000_000_000 / min(count, 1_000_000_000_000)
        while part > 1 {
            let digits = String(part)
            let text = "0." + String(repeating: "0", count: 15 - digits.count) + digits
            if let rate = Double(text), 1 / rate >= Double(count) { return text }
            part -= 1
        }
        return "0.000000000000001"
    }
}
