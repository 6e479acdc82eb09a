/// The names of hosts, and what else is said of them, as plain bytes that live as long as the process: there are no more of them than the configuration has, however
/// often their addresses change.
final class HostNames {
    private var known: [String: Bytes] = [:]

    func bytes(_ name: String) -> Bytes {
        if name.isEmpty { return Bytes("") }
        if let known = known[name] { return known }
        let bytes = Bytes(keeping: name)
        known[name] = bytes
        return bytes
    }
}
