/// Holds the lines of the access log against the requests that clients made: each has one.
struct LogCheck {
    private(set) var lines = 0
    private(set) var nameless = 0
    private(set) var problems: [String] = []
    /// By door: answers by the first digit of their status.
    private(set) var answers: [String: [Int]] = [:]
    /// By lane: how many lines each request has.
    private var counts: [Int: [UInt8]] = [:]

    /// `door id status`
    mutating func add(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        lines += 1
        guard words.count == 3, let status = Int(words[2]) else { return complain("not a line: '\(line.prefix(80))'") }
        answers[String(words[0]), default: Array(repeating: 0, count: 10)][status / 100 % 10] += 1
        if words[1] == "-" {
            nameless += 1
            return
        }
        guard let id = UInt64(words[1]) else { return complain("not an id: '\(words[1].prefix(40))'") }
        let (lane, number) = (Int(id >> 32), Int(id & 0xFFFF_FFFF))
        guard number > 0, number < 1 << 28 else { return complain("an id that nobody gave: \(id)") }
        var row = counts[lane] ?? []
        counts[lane] = nil
        while row.count <= number { row.append(contentsOf: repeatElement(0, count: max(row.count, 1024))) }
        row[number] &+= 1
        counts[lane] = row
    }

    /// Whether each of `issued` requests of a lane has one line.
    mutating func expect(lane: Int, issued: Int) {
        let row = counts[lane] ?? []
        for number in 1..<max(row.count, issued + 1) {
            let count = number < row.count ? row[number] : 0
            let expected: UInt8 = number <= issued ? 1 : 0
            if count != expected { complain("request \(number) of lane \(lane) has \(count) lines") }
        }
    }

    private mutating func complain(_ text: String) {
        if problems.count < 20 { problems.append(text) }
    }
}
