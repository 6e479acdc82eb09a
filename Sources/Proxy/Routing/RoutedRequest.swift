import Glibc

/// A request as routes look at it.
struct RoutedRequest: BitwiseCopyable {
    /// Nil where there is none but a path, as in tests of routes without other conditions.
    var head: UnsafeMutablePointer<MessageHead>?
    var authority = Bytes("")
    /// Without its query.
    var path = Bytes("")
    /// For routes that are for a share of the requests.
    var random: UInt64 = 0
    /// As `:scheme` has it.
    var scheme = Bytes("http")

    var method: Bytes? {
        head.map { Bytes($0.pointee.base + Int($0.pointee.methodStart), Int($0.pointee.methodLength)) }
    }

    /// The path with its query.
    var target: Bytes? {
        guard let head, head.pointee.method != .connect else { return nil }
        if head.pointee.targetLength == 0 { return Bytes("/") }
        return Bytes(head.pointee.base + Int(head.pointee.target), Int(head.pointee.targetLength))
    }

    /// The position of a field with this name.
    func field(_ name: Bytes, after: Int = -1) -> Int? {
        guard let head else { return nil }
        for i in (after + 1)..<max(head.pointee.count, after + 1) where isField(head.pointee, i, name) { return i }
        return nil
    }

    /// Whether `x-envoy-internal` is there, as we write it.
    var saysInternal: Bool {
        guard let head, head.pointee.present.contains(.xEnvoyInternalOnly) else { return false }
        let name = Bytes("x-envoy-internal")
        return (0..<head.pointee.count).contains { i in
            let field = head.pointee.fields[i]
            return field.id == .xEnvoyInternalOnly && Int(field.nameLength) == name.count
                && foldedEqual(head.pointee.base + Int(field.name), name.start, name.count)
        }
    }

    /// Of a field that `field` found.
    func value(_ i: Int) -> Bytes {
        guard let head, i < head.pointee.count else { return Bytes("") }
        let field = head.pointee.fields[i]
        return Bytes(head.pointee.base + Int(field.value), Int(field.valueLength))
    }

    /// Whether a field is there for the one who routes: what concerns the connection is not.
    private func isField(_ h: MessageHead, _ i: Int, _ name: Bytes) -> Bool {
        let field = h.fields[i]
        guard Int(field.nameLength) == name.count, !field.isNominated else { return false }
        switch field.id {
        case .connection, .keepAlive, .proxyConnection, .http2Settings: return false
        case .xEnvoyInternalOnly: if !h.isInternal { return false }
        case .upgrade: if !h.connectionUpgrade { return false }
        case .te: if !h.acceptsTrailers { return false }
        default: break
        }
        return foldedEqual(h.base + Int(field.name), name.start, name.count)
    }

    /// The first value of a query parameter, as it stands there; nil: it is not there. One without `=` is empty.
    func parameter(_ name: Bytes) -> Bytes? {
        guard let target, path.count < target.count, target.start[path.count] == UInt8(ascii: "?") else { return nil }
        var at = path.count + 1
        while at <= target.count {
            var end = at
            var equals = -1
            while end < target.count, target.start[end] != UInt8(ascii: "&") {
                if equals < 0, target.start[end] == UInt8(ascii: "=") { equals = end }
                end += 1
            }
            let nameEnd = equals < 0 ? end : equals
            if nameEnd - at == name.count, memcmp(target.start + at, name.start, name.count) == 0 {
                return equals < 0 ? Bytes("") : Bytes(target.start + equals + 1, end - equals - 1)
            }
            at = end + 1
        }
        return nil
    }
}
