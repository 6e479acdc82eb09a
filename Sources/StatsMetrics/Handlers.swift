import CoreMetrics
import Stats
import Synchronization

/// A counter: one cell a plane.
final class StatsCounterHandler: CounterHandler, Sendable {
    private let place: SlotPlace
    init(place: SlotPlace) { self.place = place }

    func increment(by amount: Int64) {
        guard amount > 0 else { return }
        place.add(UInt64(amount))
    }

    /// Without effect: other processes, and former ones, count in the same total.
    func reset() {}
}

/// A floating-point counter: a counter of millionths.
final class StatsFloatingPointCounterHandler: FloatingPointCounterHandler, Sendable {
    private let place: SlotPlace
    init(place: SlotPlace) { self.place = place }

    func increment(by amount: Double) {
        // Neither below zero nor NaN, and no more than a cell can hold.
        guard amount > 0, amount < Millionths.most else { return }
        place.addMillionths(amount * Double(Millionths.one))
    }

    func reset() {}
}

/// A recorder that aggregates: a histogram of whole numbers.
final class StatsRecorderHandler: RecorderHandler, Sendable {
    private let place: SlotPlace
    init(place: SlotPlace) { self.place = place }

    func record(_ value: Int64) { place.record(UInt64(max(value, 0))) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        place.record(UInt64(min(max(value, 0), 1e18).rounded()))
    }
}

/// A timer: a histogram in the unit of its factory.
final class StatsTimerHandler: TimerHandler, Sendable {
    private let place: SlotPlace
    private let nanoseconds: UInt64
    init(place: SlotPlace, unit: StatsMetricsFactory.TimerUnit) {
        self.place = place
        nanoseconds = unit.nanoseconds
    }

    func recordNanoseconds(_ duration: Int64) {
        place.record((UInt64(max(duration, 0)) &+ nanoseconds / 2) / nanoseconds)
    }
}

/// A gauge cell of the shared plane. It is written with a handler's lock held.
struct SharedGauge: @unchecked Sendable { let gauge: Stats.Gauge }

enum Millionths {
    static let one: UInt64 = 1_000_000
    /// So many units are as many millionths as a cell holds.
    static let most = 18_446_744_073_709.0
    static let suffix = "_millionths"
}

/// A gauge or a meter, whichever way it was made: one cell for the process, which any thread sets.
final class StatsGaugeHandler: MeterHandler, RecorderHandler, Sendable {
    /// `whole + fraction`, with 0 ≤ fraction < 1: whole numbers of any size stay exact.
    private struct Value {
        var whole: Int64 = 0
        var fraction = 0.0
        /// Made when the first fraction comes.
        var millionths: SharedGauge?
    }
    private let value = Mutex(Value())
    private let cell: SharedGauge
    private let backend: StatsBackend
    private let name: String

    init(backend: StatsBackend, name: String, cell: SharedGauge) {
        self.backend = backend
        self.name = name
        self.cell = cell
    }

    func set(_ new: Int64) {
        value.withLock {
            $0.whole = new
            $0.fraction = 0
            publish(&$0)
        }
    }

    func set(_ new: Double) { change(new) { $0 = Value(millionths: $0.millionths) } }
    func increment(by amount: Double) { change(amount) { _ in } }
    func decrement(by amount: Double) { change(-amount) { _ in } }
    func record(_ new: Int64) { set(new) }
    func record(_ new: Double) { set(new) }

    private func change(_ amount: Double, _ before: (inout Value) -> Void) {
        guard amount.isFinite else { return }
        let wasMade = value.withLock {
            before(&$0)
            let floor = amount.rounded(.down)
            var whole = Int64(exactly: floor) ?? (floor < 0 ? .min : .max)
            var fraction = $0.fraction + (amount - floor)
            if fraction >= 1 {
                fraction -= 1
                whole = Self.sum(whole, 1)
            }
            $0.whole = Self.sum($0.whole, whole)
            $0.fraction = fraction
            let makes = fraction != 0 && $0.millionths == nil
            if makes { $0.millionths = backend.gaugeCell(MetricName.append(Millionths.suffix, toLabelOf: name)) }
            publish(&$0)
            return makes
        }
        if wasMade { backend.tell() }
    }

    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? (b < 0 ? .min : .max) : sum
    }

    /// Stats have no sign: what is below zero is shown as zero.
    private func publish(_ value: inout Value) {
        cell.gauge.set(UInt64(max(Self.sum(value.whole, value.fraction >= 0.5 ? 1 : 0), 0)))
        guard let millionths = value.millionths else { return }
        let (product, overflow) = UInt64(max(value.whole, 0)).multipliedReportingOverflow(by: Millionths.one)
        let part = value.whole < 0 ? 0 : UInt64((value.fraction * Double(Millionths.one)).rounded())
        millionths.gauge.set(overflow ? .max : product &+ part)
    }
}
