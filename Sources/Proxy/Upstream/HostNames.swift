/// The names of hosts, and what else is said of them, as plain bytes that live as long as the process: however often addresses change,
/// each text is there once. An EDS file that says something new of its hosts each time makes more and more of them.
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
