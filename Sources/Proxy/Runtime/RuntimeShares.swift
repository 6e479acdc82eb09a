import CLinux
import ProxyConfig

/// A share of requests that the main thread may change while workers read it: numerator and denominator in one word.
/// Only its cell is shared, which is read and written as one.
struct RuntimeShare: BitwiseCopyable, @unchecked Sendable {
    private let cell: UnsafeMutablePointer<UInt64>

    /// Memory of the configuration (`KeptMemory`).
    fileprivate init() {
        cell = .kept(capacity: 1)
        cell.initialize(to: 100)
    }

    fileprivate func set(_ share: FractionalPercent) {
        cl_store_relaxed(cell, UInt64(share.numerator) << 32 | UInt64(share.denominator))
    }

    /// Whether no request is in it, whatever its number.
    @inline(__always)
    var isNone: Bool { cl_load_relaxed(cell) < 1 << 32 }

    /// What the runtime says; nil: nothing. Of a share that was made by `makeOther`.
    var other: (numerator: UInt64, denominator: UInt64)? {
        let word = cl_load_relaxed(cell)
        return word == Self.unset ? nil : (word >> 32, max(word & 0xFFFF_FFFF, 1))
    }

    /// No share: its denominator is 0.
    private static let unset: UInt64 = 0
    fileprivate static let noShare = FractionalPercent(0, of: 0)

    /// Whether the request with this random number is in it, as Envoy decides.
    @inline(__always)
    func contains(_ random: UInt64) -> Bool {
        let word = cl_load_relaxed(cell)
        return random % (word & 0xFFFF_FFFF) < word >> 32
    }
}

/// A whole number that the main thread may change while workers read it.
struct RuntimeNumber: BitwiseCopyable, @unchecked Sendable {
    private let cell: UnsafeMutablePointer<UInt64>

    /// Memory of the configuration (`KeptMemory`).
    fileprivate init(_ value: UInt64) {
        cell = .kept(capacity: 1)
        cell.initialize(to: value)
    }

    fileprivate func set(_ value: UInt64) { cl_store_relaxed(cell, value) }

    @inline(__always) var value: UInt64 { cl_load_relaxed(cell) }
}

/// A number with a fraction that the main thread may change while workers read it.
struct RuntimeReal: BitwiseCopyable, @unchecked Sendable {
    private let cell: UnsafeMutablePointer<UInt64>

    /// Memory of the configuration (`KeptMemory`).
    fileprivate init(_ value: Double) {
        cell = .kept(capacity: 1)
        cell.initialize(to: value.bitPattern)
    }

    fileprivate func set(_ value: Double) { cl_store_relaxed(cell, value.bitPattern) }

    var value: Double { Double(bitPattern: cl_load_relaxed(cell)) }
}

/// All shares, numbers and budgets of a configuration, by the runtime keys that change them. Main thread.
final class RuntimeShares {
    private var entries: [(share: RuntimeShare, source: RuntimeFraction)] = []
    private var numbers: [(number: RuntimeNumber, fallback: UInt64, key: String)] = []
    private var flags: [(number: RuntimeNumber, flag: RuntimeFlag)] = []
    private var reals: [(real: RuntimeReal, fallback: Double, key: String)] = []
    private var budgets = RuntimeBudgets()

    /// A share that begins as its own fallback.
    func make(_ source: RuntimeFraction) -> RuntimeShare {
        let share = RuntimeShare()
        share.set(source.fallback)
        if !source.key.isEmpty { entries.append((share, source)) }
        return share
    }

    /// A share that only the runtime has, see `RuntimeShare.other`.
    func makeOther(key: String) -> RuntimeShare { make(RuntimeFraction(RuntimeShare.noShare, key: key)) }

    /// A number that begins as its own fallback.
    func makeNumber(_ fallback: UInt64, key: String) -> RuntimeNumber {
        let number = RuntimeNumber(fallback)
        if !key.isEmpty { numbers.append((number, fallback, key)) }
        return number
    }

    /// A switch: 1 when it is on.
    func makeFlag(_ flag: RuntimeFlag) -> RuntimeNumber {
        let number = RuntimeNumber(flag.fallback ? 1 : 0)
        if !flag.key.isEmpty { flags.append((number, flag)) }
        return number
    }

    /// The same with a fraction.
    func makeReal(_ fallback: Double, key: String) -> RuntimeReal {
        let real = RuntimeReal(fallback)
        if !key.isEmpty { reals.append((real, fallback, key)) }
        return real
    }

    /// A cluster's retry budget; nil: it has none as long as the runtime does not say otherwise.
    func makeBudget(_ fallback: RetryBudget?, cluster: String, isHigh: Bool = false) -> RuntimeBudget {
        budgets.make(fallback, cluster: cluster, isHigh: isHigh)
    }

    /// - Parameter value: of a key, nil when there is none.
    func update(_ value: (String) -> RuntimeValue?) {
        for entry in entries { entry.share.set(value(entry.source.key)?.share ?? entry.source.fallback) }
        for entry in numbers { entry.number.set(value(entry.key)?.number ?? entry.fallback) }
        for entry in flags { entry.number.set(value(entry.flag.key)?.bool ?? entry.flag.fallback ? 1 : 0) }
        for entry in reals { entry.real.set(value(entry.key)?.double ?? entry.fallback) }
        budgets.update(value)
    }
}
