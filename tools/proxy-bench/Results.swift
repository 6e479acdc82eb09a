import ToolSupport

/// All cells of a run. A row is a scenario, or one size of a configuration.
struct Results {
    struct Key: Hashable {
        let row: String
        let peer: String
    }
    enum Outcome {
        case cell(Cell)
        case failed(String)
    }

    /// One for each round.
    private(set) var rounds: [Key: [Outcome]] = [:]
    private(set) var refusals: [Key: String] = [:]
    /// Figures that are no load: start in ms, bytes of memory.
    private(set) var numbers: [Key: [String: [Double]]] = [:]
    var units: [String: Scenario.Unit] = [:]

    mutating func add(_ row: String, _ peer: String, _ outcome: Outcome) {
        rounds[Key(row: row, peer: peer), default: []].append(outcome)
    }
    mutating func refuse(_ row: String, _ peer: String, _ reason: String) {
        refusals[Key(row: row, peer: peer)] = reason
    }
    mutating func note(_ row: String, _ peer: String, _ what: String, _ value: Double) {
        numbers[Key(row: row, peer: peer), default: [:]][what, default: []].append(value)
    }

    func outcomes(_ row: String, _ peer: String) -> [Outcome] { rounds[Key(row: row, peer: peer)] ?? [] }
    func number(_ row: String, _ peer: String, _ what: String) -> Double? {
        numbers[Key(row: row, peer: peer)]?[what].map(ToolSupport.median)
    }

    /// nil when there is none, or one has failed: a figure of what went wrong is none.
    func cells(_ row: String, _ peer: String) -> [Cell]? {
        var cells: [Cell] = []
        for outcome in outcomes(row, peer) {
            guard case .cell(let cell) = outcome else { return nil }
            cells.append(cell)
        }
        return cells.isEmpty ? nil : cells
    }

    func median(of value: (Cell) -> Double, _ row: String, _ peer: String) -> Double? {
        cells(row, peer).map { ToolSupport.median($0.map(value)) }
    }

    /// User time of a unit of work: all rounds together, since the tick's samples are few.
    func userMicroseconds(_ row: String, _ peer: String) -> Double? {
        guard let cells = cells(row, peer) else { return nil }
        let user = cells.reduce(0) { $0 + $1.userTicks }
        let all = user + cells.reduce(0) { $0 + $1.systemTicks }
        guard all > 0 else { return nil }
        return user / all * cells.reduce(0) { $0 + $1.cpuNs } / cells.reduce(0) { $0 + $1.load.requests } / 1000
    }

    /// The median of the rounds' ratios: what was measured side by side is compared.
    func ratio(_ row: String, _ peer: String, to other: String, row otherRow: String? = nil) -> Double? {
        guard let mine = cells(row, peer), let theirs = cells(otherRow ?? row, other) else { return nil }
        let unit = units[row] ?? .request
        return ToolSupport.median(zip(mine, theirs).map { $0.cost(unit) / $1.cost(unit) })
    }

    /// Every failure, in one line each.
    var failures: [String] {
        rounds.flatMap { key, outcomes in
            outcomes.compactMap { if case .failed(let why) = $0 { "\(key.row), \(key.peer): \(why)" } else { nil } }
        }.sorted()
    }
}
