import StatCatalog
import Stats

/// What the admin listener counts.
struct AdminStats {
    private let http: CounterGroup<AdminHTTPCounter>
    private let httpGauges: GaugeGroup<AdminHTTPGauge>
    private let listener: CounterGroup<AdminListenerCounter>
    private let listenerGauges: GaugeGroup<AdminListenerGauge>

    init(_ store: StatsStore, _ writer: StatsWriter) {
        http = GroupIDs(store, in: AdminHTTPScope()).cells(writer)
        httpGauges = GroupIDs(store, in: AdminHTTPScope()).cells(writer)
        listener = GroupIDs(store, in: AdminListenerScope()).cells(writer)
        listenerGauges = GroupIDs(store, in: AdminListenerScope()).cells(writer)
    }

    func connectionOpened() {
        http[.downstream_cx_total].increment()
        httpGauges[.downstream_cx_active].add(1)
        listener[.downstream_cx_total].increment()
        listenerGauges[.downstream_cx_active].add(1)
    }

    func connectionClosed() {
        http[.downstream_cx_destroy].increment()
        httpGauges[.downstream_cx_active].sub(1)
        listener[.downstream_cx_destroy].increment()
        listenerGauges[.downstream_cx_active].sub(1)
    }

    func connectionRefused() { listener[.downstream_cx_overflow].increment() }

    func requestStarted() {
        http[.downstream_rq_total].increment()
        http[.downstream_rq_http1_total].increment()
        httpGauges[.downstream_rq_active].add(1)
    }

    func requestAnswered(_ status: UInt16) {
        http[.downstream_rq_completed].increment()
        http[.downstream_rq_1xx, Int(status / 100) - 1].increment()
        httpGauges[.downstream_rq_active].sub(1)
    }

    /// The client went away before its request was there.
    func requestLost() { httpGauges[.downstream_rq_active].sub(1) }
}
