/// `google.protobuf.Duration` in its JSON form: `0.25s`, `300s`, `-1.5s`.
struct ProtoDuration: Equatable {
    var isNegative: Bool
    /// The amount without its sign.
    var seconds: UInt64
    var nanoseconds: UInt32

    /// What protobuf allows: ten thousand years.
    private static let mostSeconds: UInt64 = 315_576_000_000

    /// nil: not of that form or beyond what protobuf allows.
    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        guard rest.popLast() == UInt8(ascii: "s") else { return nil }
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest.removeFirst() }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        guard !whole.isEmpty, whole.count <= 12, let seconds = UInt64(String(decoding: whole, as: UTF8.self)) else {
            return nil
        }
        self.seconds = seconds
        nanoseconds = 0
        if let point = rest.popFirst() {
            guard point == UInt8(ascii: "."), !rest.isEmpty, rest.count <= 9, rest.allSatisfy(isDigit) else {
                return nil
            }
            for place in 0..<9 {
                let digit = place < rest.count ? rest[rest.startIndex + place] - UInt8(ascii: "0") : 0
                nanoseconds = nanoseconds * 10 + UInt32(digit)
            }
        }
        if seconds > Self.mostSeconds || (seconds == Self.mostSeconds && nanoseconds > 0) { return nil }
    }

    var isZero: Bool { seconds == 0 && nanoseconds == 0 }

    /// A century. Longer times are cut to it, so that a point in time in nanoseconds cannot overflow.
    static let mostMilliseconds: UInt64 = 3_155_760_000_000

    /// Whole milliseconds. A positive time shorter than one is taken as one, because 0 means "disabled" to many fields.
    var milliseconds: UInt64 {
        let value = seconds * 1000 + UInt64(nanoseconds / 1_000_000)
        return value == 0 && !isZero ? 1 : min(value, Self.mostMilliseconds)
    }
}
