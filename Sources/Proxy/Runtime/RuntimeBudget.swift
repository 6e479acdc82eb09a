import CLinux
import ProxyConfig

/// A cluster's `retry_budget`, which the main thread may change while workers read it. Also a cluster without one has this:
/// a runtime key alone turns it on.
struct RuntimeBudget: BitwiseCopyable, @unchecked Sendable {
    private enum Cell {
        static let percent = 0, least = 1, isOn = 2, count = 3
    }
    private let cells: UnsafeMutablePointer<UInt64>

    /// Memory for the life of the process, as all of a `Snapshot`'s.
    init(_ budget: RetryBudget?) {
        cells = .kept(capacity: Cell.count)
        cells.initialize(repeating: 0, count: Cell.count)
        set(budget)
    }

    func set(_ budget: RetryBudget?) {
        let value = budget ?? RetryBudget()
        cl_store_relaxed(cells + Cell.percent, value.percent.bitPattern)
        cl_store_relaxed(cells + Cell.least, UInt64(value.minConcurrency))
        cl_store_relaxed(cells + Cell.isOn, budget == nil ? 0 : 1)
    }

    /// False: `max_retries` counts.
    var isOn: Bool { cl_load_relaxed(cells + Cell.isOn) != 0 }

    /// How many retries may be under way at once, in Envoy's arithmetic: a part of a retry is none.
    ///
    /// - Parameter active: requests of the cluster that a host has or that wait for a connection.
    func limit(active: UInt64) -> UInt64 {
        let share = Double(bitPattern: cl_load_relaxed(cells + Cell.percent)) / 100 * Double(active)
        // A runtime value may be anything: what is out of range, or no number, must not trap.
        let whole = share >= 1 ? UInt64(min(share, 1e18)) : 0
        return max(whole, cl_load_relaxed(cells + Cell.least))
    }
}

/// The budgets of a configuration and what the runtime makes of them. Main thread.
struct RuntimeBudgets {
    private var entries: [(budget: RuntimeBudget, fallback: RetryBudget?, keys: RuntimeKeys.Budget)] = []

    mutating func make(_ fallback: RetryBudget?, cluster: String, isHigh: Bool = false) -> RuntimeBudget {
        let budget = RuntimeBudget(fallback)
        entries.append((budget, fallback, RuntimeKeys.Budget(cluster: cluster, isHigh: isHigh)))
        return budget
    }

    /// - Parameter value: of a key, nil when there is none.
    func update(_ value: (String) -> RuntimeValue?) {
        for entry in entries {
            let percent = value(entry.keys.percent)
            let least = value(entry.keys.minConcurrency)
            // As in Envoy, a value that is no number turns the budget on, too, and leaves its default.
            guard percent != nil || least != nil || entry.fallback != nil else {
                entry.budget.set(nil)
                continue
            }
            var budget = entry.fallback ?? RetryBudget()
            if let number = percent?.double { budget.percent = number }
            if let number = least?.number { budget.minConcurrency = UInt32(truncatingIfNeeded: number) }
            entry.budget.set(budget)
        }
    }
}
