/// What a request's target asks an upstream for: `/name/detail?a=1&b=2`.
struct Target {
    let name: String
    let detail: String
    private var numbers: [String: Int] = [:]

    init(_ text: String) {
        let parts = text.split(separator: "?", maxSplits: 1)
        let path = (parts.first ?? "").split(separator: "/")
        name = String(path.first ?? "")
        detail = String(path.dropFirst().first ?? "")
        guard parts.count > 1 else { return }
        for pair in parts[1].split(separator: "&") {
            let sides = pair.split(separator: "=")
            if sides.count == 2, let value = Int(sides[1]) { numbers[String(sides[0])] = value }
        }
    }

    /// 0 where nothing is said.
    subscript(name: String) -> Int { numbers[name] ?? 0 }
}
