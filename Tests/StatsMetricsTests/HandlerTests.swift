import Metrics
import Stats
import StatsMetrics
import Testing

/// Every kind of metric, over the heap and over a region.
@Suite struct HandlerTests {
    @Test func counters() throws {
        try withFactories { factory in
            let counter = Counter(label: "c", factory: factory)
            #expect(factory.value("c") == 0, "it is there before it counts")
            counter.increment()
            counter.increment(by: 41)
            counter.increment(by: -5)
            #expect(factory.value("c") == 42)
            counter.reset()
            #expect(factory.value("c") == 42, "totals go on")
            Counter(label: "c", factory: factory).increment()
            #expect(factory.value("c") == 43)
            counter.increment(by: Int64.max)
            #expect(factory.value("c") == 43 + UInt64(Int64.max))
        }
    }

    @Test func aDestroyedMetricKeepsItsValue() throws {
        try withFactories { factory in
            for _ in 0..<3 {
                let counter = Counter(label: "c", factory: factory)
                counter.increment()
                counter.destroy()
                let meter = Meter(label: "m", factory: factory)
                meter.increment()
                meter.destroy()
                let timer = Timer(label: "t", factory: factory)
                timer.recordNanoseconds(1)
                timer.destroy()
                let recorder = Recorder(label: "r", factory: factory)
                recorder.record(1)
                recorder.destroy()
                let sum = FloatingPointCounter(label: "f", factory: factory)
                sum.increment(by: 0.5)
                sum.destroy()
            }
            #expect(factory.value("c") == 3 && factory.value("m") == 3 && factory.value("f_millionths") == 1_500_000)
            #expect(factory.histogram("t_us")?.count == 3 && factory.histogram("r")?.count == 3)
        }
    }

    @Test func floatingPointCountersCountMillionths() throws {
        try withFactories { factory in
            let counter = FloatingPointCounter(label: "joules", factory: factory)
            for _ in 0..<1000 { counter.increment(by: 0.1) }
            #expect(factory.value("joules_millionths") == 100_000_000)
            for bad in [-1, Double.nan, .infinity, -.infinity, 1e300] { counter.increment(by: bad) }
            #expect(factory.value("joules_millionths") == 100_000_000)
            // What is less than a millionth is not lost.
            for _ in 0..<10_000_000 / 100 { counter.increment(by: 1e-8) }
            let value = try #require(factory.value("joules_millionths"))
            #expect((100_000_999...100_001_001).contains(value), "\(value)")
            counter.reset()
            #expect(factory.value("joules_millionths") == value)
        }
    }

    @Test func metersAndGauges() throws {
        try withFactories { factory in
            let meter = Meter(label: "m", factory: factory)
            meter.set(5)
            #expect(factory.value("m") == 5)
            meter.increment()
            meter.decrement(by: 3.0)
            #expect(factory.value("m") == 3)
            #expect(factory.value("m_millionths") == nil, "no fraction yet")
            meter.increment(by: 0.25)
            #expect(factory.value("m") == 3 && factory.value("m_millionths") == 3_250_000)
            meter.increment(by: 0.25)
            #expect(factory.value("m") == 4 && factory.value("m_millionths") == 3_500_000)
            meter.decrement(by: 10)
            #expect(factory.value("m") == 0 && factory.value("m_millionths") == 0, "below zero is shown as zero")
            meter.increment(by: 7.5)
            #expect(factory.value("m") == 1 && factory.value("m_millionths") == 1_000_000)
            for bad in [Double.nan, .infinity, -.infinity] { meter.set(bad) }
            #expect(factory.value("m") == 1)
            meter.set(Int64.max)
            #expect(factory.value("m") == UInt64(Int64.max))
            meter.increment()
            meter.increment(by: 1e300)
            #expect(factory.value("m") == UInt64(Int64.max), "no further")
            meter.set(-1)
            #expect(factory.value("m") == 0)

            let gauge = Gauge(label: "g", factory: factory)
            gauge.record(12)
            gauge.record(7)
            #expect(factory.value("g") == 7)
            gauge.record(0.75)
            #expect(factory.value("g") == 1 && factory.value("g_millionths") == 750_000)
            // A gauge and a meter of one label are one.
            Meter(label: "g", factory: factory).increment(by: 1.25)
            #expect(factory.value("g") == 2 && factory.value("g_millionths") == 2_000_000)
            Gauge(label: "g", dimensions: [("k", "v")], factory: factory).record(0.25)
            #expect(factory.value("g;k=v") == 0 && factory.value("g_millionths;k=v") == 250_000)
        }
    }

    @Test func recorders() throws {
        try withFactories { factory in
            let recorder = Recorder(label: "r", factory: factory)
            for value in [0, 5, 5, 99, 100_000, 1_234_567_890] { recorder.record(value) }
            for value in [2.4, 2.5, -3, .nan] { recorder.record(value) }
            recorder.record(-7)
            let data = try #require(factory.histogram("r"))
            #expect(data.count == 10)
            #expect(data.sum == 1_234_667_999 + 5, "2 and 3")
            #expect(data.bins.first?.count == 3, "zero, and what is below")
            recorder.record(1e300)
            #expect(factory.histogram("r")?.count == 11)
        }
    }

    @Test(arguments: StatsMetricsFactory.TimerUnit.allCases)
    func timers(unit: StatsMetricsFactory.TimerUnit) throws {
        var options = StatsMetricsFactory.Options()
        options.timerUnit = unit
        try withFactories(options) { factory in
            let timer = Timer(label: "t", preferredDisplayUnit: .seconds, factory: factory)
            timer.recordMilliseconds(5)
            timer.recordSeconds(1)
            timer.recordNanoseconds(-1)
            let data = try #require(factory.histogram("t" + unit.rawValue))
            let sums: [StatsMetricsFactory.TimerUnit: UInt64] = [
                .nanoseconds: 1_005_000_000, .microseconds: 1_005_000, .milliseconds: 1005,
            ]
            #expect(data.count == 3 && data.sum == sums[unit])
        }
    }

    @Test func kindsOfOneLabelAreDifferentStats() throws {
        try withFactories { factory in
            Counter(label: "x", factory: factory).increment(by: 2)
            Meter(label: "x", factory: factory).set(3)
            Recorder(label: "x", factory: factory).record(4)
            let stats = factory.snapshot().stats.filter { $0.name == "x" }
            #expect(stats.count == 3)
            #expect(stats.first { $0.kind == .counter }?.value == 2 && stats.first { $0.kind == .gauge }?.value == 3)
            #expect(factory.histogram("x")?.sum == 4)
        }
    }

    @Test func aHandlerIsMadeOnce() throws {
        try withFactories { factory in
            let one = factory.makeCounter(label: "c", dimensions: [("a", "b")])
            #expect(factory.makeCounter(label: "c", dimensions: [("a", "b")]) === one)
            #expect(factory.makeCounter(label: "c", dimensions: [("a", "c")]) !== one)
        }
    }
}
