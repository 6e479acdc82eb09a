import Stats

/// `http.admin.` counters, by Envoy's names.
enum AdminCounter: Int, CaseIterable {
    case downstream_cx_total, downstream_cx_destroy
    case downstream_rq_total, downstream_rq_http1_total, downstream_rq_completed
    case downstream_rq_1xx, downstream_rq_2xx, downstream_rq_3xx, downstream_rq_4xx, downstream_rq_5xx
}

/// `http.admin.` gauges.
enum AdminGauge: Int, CaseIterable { case downstream_cx_active, downstream_rq_active }

/// `listener.admin.` counters.
enum AdminListenerCounter: Int, CaseIterable {
    case downstream_cx_total, downstream_cx_destroy, downstream_cx_overflow
}

/// `listener.admin.` gauges.
enum AdminListenerGauge: Int, CaseIterable { case downstream_cx_active }

/// What the admin listener counts.
struct AdminStats {
    private let http: CounterGroup<AdminCounter>
    private let httpGauges: GaugeGroup<AdminGauge>
    private let listener: CounterGroup<AdminListenerCounter>
    private let listenerGauges: GaugeGroup<AdminListenerGauge>

    init(_ store: StatsStore, _ writer: StatsWriter) {
        let prefix = "http.admin"
        http = GroupIDs.counters(store, prefix, AdminCounter.self).counters(writer, AdminCounter.self)
        httpGauges = GroupIDs.gauges(store, prefix, AdminGauge.self).gauges(writer, AdminGauge.self)
        let listenerPrefix = "listener.admin"
        listener = GroupIDs.counters(store, listenerPrefix, AdminListenerCounter.self)
            .counters(writer, AdminListenerCounter.self)
        listenerGauges = GroupIDs.gauges(store, listenerPrefix, AdminListenerGauge.self)
            .gauges(writer, AdminListenerGauge.self)
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
