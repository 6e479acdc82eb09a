import ProxyConfig

/// A route's `hash_policy` as workers see it: plain data that lives as long as the process.
struct CompiledHashPolicy: BitwiseCopyable {
    /// What of a request is hashed.
    enum Source: UInt8, BitwiseCopyable {
        case field, list, method, path, authority, scheme, forwardedFor, cookie, client, parameter
    }

    struct Rule: BitwiseCopyable {
        var source: Source
        /// What comes behind it counts only where there is no hash yet.
        var isTerminal: Bool
        /// Of the field, the cookie or the parameter.
        var name = Bytes("")
        /// Who comes without the cookie gets one: this behind its value and the closing quote. nil: it does not.
        var cookieEnd: Bytes?
    }

    let rules: UnsafePointer<Rule>
    let count: Int

    /// Nil when there is nothing to hash.
    init?(_ policies: [HashPolicy]) {
        if policies.isEmpty { return nil }
        count = policies.count
        let memory = UnsafeMutablePointer<Rule>.kept(capacity: policies.count)
        for (i, policy) in policies.enumerated() { (memory + i).initialize(to: Self.rule(policy)) }
        rules = UnsafePointer(memory)
    }

    private static func rule(_ policy: HashPolicy) -> Rule {
        var rule = Rule(source: .client, isTerminal: policy.isTerminal)
        switch policy.source {
        case .sourceIP: rule.source = .client
        case .queryParameter(let name): (rule.source, rule.name) = (.parameter, Bytes(keeping: name))
        case .cookie(let cookie):
            (rule.source, rule.name) = (.cookie, Bytes(keeping: cookie.name))
            rule.cookieEnd = cookie.ttlSeconds.map { Bytes(keeping: end(of: cookie, ttl: $0)) }
        case .header(let name):
            rule.name = Bytes(keeping: name)
            switch name {
            case ":method": rule.source = .method
            case ":path": rule.source = .path
            case ":authority", "host": rule.source = .authority
            case ":scheme": rule.source = .scheme
            case "x-forwarded-for": rule.source = .forwardedFor
            default: rule.source = lists.contains(name) ? .list : .field
            }
        }
        return rule
    }

    /// Fields of which Envoy makes one, with commas, where there are several: those that it has a place of their own for.
    private static let lists: Set<String> = [
        "accept", "accept-encoding", "access-control-request-headers", "access-control-request-method", "authorization",
        "cache-control", "content-encoding", "content-type", "grpc-timeout", "if-match", "if-modified-since",
        "if-none-match", "if-range", "if-unmodified-since", "origin", "pragma", "referer", "user-agent",
        "x-client-trace-id", "x-forwarded-host", "x-forwarded-port",
    ]

    private static func end(of cookie: HashCookie, ttl: UInt64) -> String {
        var text = ttl > 0 ? "; Max-Age=\(ttl)" : ""
        if !cookie.path.isEmpty { text += "; Path=\(cookie.path)" }
        for attribute in cookie.attributes { text += "; \(attribute)" }
        return text + "; HttpOnly"
    }
}

extension HashKey {
    /// Takes the hash of one more source, in Envoy's way: two equal ones do not cancel each other out.
    mutating func add(_ hash: UInt64) {
        value = (isSet ? XXHash64.rotate(value, 1) : 0) ^ hash
        isSet = true
    }
}

extension RoutedRequest {
    /// The hash of a field's value; of several with this name that of all of them in alphabetical order, each with the one
    /// before as its seed, as Envoy does it. nil: it is not there.
    func hash(ofField name: Bytes) -> UInt64? {
        // The least of those that come behind what was there; of equal ones the first.
        guard var last = follower(of: nil, name) else { return nil }
        var hash = XXHash64.hash(value(last))
        while let next = follower(of: last, name) {
            hash = XXHash64.hash(value(next), seed: hash)
            last = next
        }
        return hash
    }

    /// Puts the values of all fields of this name behind each other, with commas between them; false: there is none.
    func join(_ name: Bytes, in scratch: OutputScratch) -> Bool {
        scratch.clear()
        guard var at = field(name) else { return false }
        scratch.append(value(at))
        while let next = field(name, after: at) {
            scratch.append(byte: UInt8(ascii: ","))
            scratch.append(value(next))
            at = next
        }
        return true
    }

    /// The field whose value is next in order; nil: none is.
    private func follower(of last: Int?, _ name: Bytes) -> Int? {
        var best: Int?
        var i = field(name)
        while let at = i {
            let isBehind = last.map { Self.isBefore(value($0), $0, value(at), at) } ?? true
            if isBehind, best.map({ Self.isBefore(value(at), at, value($0), $0) }) ?? true { best = at }
            i = field(name, after: at)
        }
        return best
    }

    private static func isBefore(_ a: Bytes, _ i: Int, _ b: Bytes, _ j: Int) -> Bool {
        let order = a.compare(b)
        return order < 0 || order == 0 && i < j
    }

    /// The value of a cookie, without the quotes around it; empty: it is not there, or is empty.
    func cookie(_ name: Bytes) -> Bytes {
        var i = field(Bytes("cookie"))
        while let at = i {
            if let value = Self.cookie(name, in: value(at)) { return value }
            i = field(Bytes("cookie"), after: at)
        }
        return Bytes("")
    }

    private static func cookie(_ name: Bytes, in text: Bytes) -> Bytes? {
        var start = 0
        while start < text.count {
            var end = start
            var equals = -1
            while end < text.count, text.start[end] != UInt8(ascii: ";") {
                if equals < 0, text.start[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            while start < end, text.start[start] == ASCII.space { start += 1 }
            if equals >= start, equals - start == name.count, Bytes(text.start + start, name.count).compare(name) == 0 {
                var value = Bytes(text.start + equals + 1, end - equals - 1)
                let quote = UInt8(ascii: "\"")
                if value.count >= 2, value.start[0] == quote, value.start[value.count - 1] == quote {
                    value = Bytes(value.start + 1, value.count - 2)
                }
                return value
            }
            start = end + 1
        }
        return nil
    }

    /// The address that the fields `x-forwarded-for` have in this place from the end, 0 is the last; nil: there is none.
    func forwardedAddress(fromEnd place: UInt32) -> Bytes? {
        guard let head else { return nil }
        var left = place
        for i in stride(from: head.pointee.count - 1, through: 0, by: -1)
        where head.pointee.fields[i].id == .xForwardedFor {
            let list = value(i)
            var end = list.count
            while true {
                var start = end
                while start > 0, list.start[start - 1] != UInt8(ascii: ",") { start -= 1 }
                if left == 0 { return Bytes(list.start + start, end - start).trimmed }
                left -= 1
                if start == 0 { break }
                end = start - 1
            }
        }
        return nil
    }
}

extension Bytes {
    /// Less than, equal to or more than 0: how this stands to another in order of their bytes.
    func compare(_ other: Bytes) -> Int {
        let shorter = min(count, other.count)
        for i in 0..<shorter where start[i] != other.start[i] { return start[i] < other.start[i] ? -1 : 1 }
        return count - other.count
    }

    /// Without blanks around it.
    var trimmed: Bytes {
        var first = 0
        var end = count
        while first < end, start[first] == ASCII.space || start[first] == 9 { first += 1 }
        while end > first, start[end - 1] == ASCII.space || start[end - 1] == 9 { end -= 1 }
        return Bytes(start + first, end - first)
    }
}
